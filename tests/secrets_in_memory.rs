//! What is left of secrets in this process's memory once their owners are gone: nothing (R39).
//!
//! The memory is read through `/proc/self/mem`: the heap and every other anonymous mapping, freed or
//! not, stacks included. What is looked for is kept masked, and what the test itself reads is wiped.
//! A process of its own, since other tests have the same keys in use.

#![cfg(all(target_os = "linux", any(feature = "aws-lc-rs", feature = "ring")))]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "these helpers serve tests only"
)]

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64ct::{Base64, Encoding};
use drumfire::interface::InProcessNetwork;
use drumfire::settings::{ClientAuthentication, SecureClient, SecureServer};
use drumfire::{Identity, NetworkDriver, NetworkEndpoint, NetworkEvent, NetworkSettings, Trust};
use zeroize::{Zeroize, Zeroizing};

/// Handshakes with each kind of key.
const HANDSHAKES: usize = 50;
const MASK: u8 = 0xA5;

/// Something to be looked for: its bytes, which stand nowhere but masked.
struct Needle {
    what: String,
    masked: Vec<u8>,
}

impl Needle {
    fn new(what: impl Into<String>, bytes: &[u8]) -> Self {
        Self {
            what: what.into(),
            masked: bytes.iter().map(|byte| byte ^ MASK).collect(),
        }
    }

    fn is_at(&self, memory: &[u8]) -> bool {
        memory.len() >= self.masked.len()
            && self.masked.iter().zip(memory).all(|(a, b)| *a == b ^ MASK)
    }
}

/// All that is secret in a key's file, as it may lie in memory: lines of its text, and its numbers, from
/// either end.
fn needles_of(name: &str, pem: &[u8]) -> Vec<Needle> {
    let text = std::str::from_utf8(pem).unwrap();
    let mut needles = Vec::new();
    let lines = text.lines().filter(|line| !line.starts_with("--"));
    let lines: Vec<&str> = lines.collect();
    let mut body = Zeroizing::new(String::with_capacity(pem.len()));
    lines.iter().for_each(|line| body.push_str(line));
    // The public part of an EC key is at the end, and that of an RSA key at the beginning.
    let secret = if lines.len() < 8 {
        0..1
    } else {
        8..lines.len() - 1
    };
    for line in &lines[secret] {
        needles.push(Needle::new(format!("{name}: text"), &line.as_bytes()[..32]));
    }
    let mut der = Zeroizing::new(vec![0; pem.len()]);
    let der = Base64::decode(body.as_bytes(), &mut der).unwrap();
    let mut numbers = Vec::new();
    secrets_of(der, &mut numbers);
    assert!(!numbers.is_empty());
    // ring wipes no private key.
    numbers.retain(|_| cfg!(feature = "aws-lc-rs"));
    for number in numbers {
        let first = number.iter().position(|byte| *byte != 0).unwrap();
        let number = &number[first..];
        // The allocator writes over the beginning of what is freed.
        needles.push(Needle::new(format!("{name}: number"), &number[16..32]));
        let mut start = Zeroizing::new(number[..16].to_vec());
        start.reverse();
        needles.push(Needle::new(format!("{name}: number, reversed"), &start));
    }
    needles
}

/// The long numbers in a key's DER, but for an RSA key's modulus, which is public.
fn secrets_of<'a>(mut der: &'a [u8], numbers: &mut Vec<&'a [u8]>) {
    let mut is_modulus = true;
    while let [kind, first, rest @ ..] = der {
        let (length, rest) = match first {
            0x81 => (usize::from(rest[0]), &rest[1..]),
            0x82 => (
                usize::from(u16::from_be_bytes([rest[0], rest[1]])),
                &rest[2..],
            ),
            short => (usize::from(*short), rest),
        };
        let (content, next) = rest.split_at(length);
        match (kind, content) {
            (0x02, _) if length > 64 && std::mem::take(&mut is_modulus) => {}
            (0x02, _) if length > 64 => numbers.push(content),
            (0x30, _) | (0x04, [0x30, ..]) => secrets_of(content, numbers),
            (0x04, _) if length == 32 => numbers.push(content),
            _ => {}
        }
        der = next;
    }
}

/// A key's file. Wiped when dropped.
fn read_key(name: &str) -> Zeroizing<Vec<u8>> {
    let mut file = File::open(format!("{}/certs/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let length = usize::try_from(file.metadata().unwrap().len()).unwrap();
    let mut bytes = Zeroizing::new(vec![0; length]);
    file.read_exact(&mut bytes).unwrap();
    bytes
}

/// Which of the needles lie in this process's memory, and in which mapping.
fn scan(needles: &[Needle]) -> Vec<String> {
    const STEP: usize = 1 << 20;
    if needles.is_empty() {
        return Vec::new();
    }
    let longest = needles.iter().map(|needle| needle.masked.len()).max();
    let overlap = longest.unwrap();
    // Most places are ruled out by two bytes.
    let pair = |bytes: &[u8]| usize::from(u16::from_ne_bytes([bytes[0], bytes[1]]));
    let mut beginnings = vec![false; 1 << 16];
    for needle in needles {
        beginnings[pair(&[needle.masked[0] ^ MASK, needle.masked[1] ^ MASK])] = true;
    }
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let mut memory = File::open("/proc/self/mem").unwrap();
    let mut buffer = vec![0; STEP + overlap];
    let mut hits = Vec::new();
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let (range, rights) = (words.next().unwrap(), words.next().unwrap());
        let name = words.nth(3).unwrap_or("anonymous");
        if !rights.starts_with("rw") || name.starts_with('/') {
            continue;
        }
        let (start, end) = range.split_once('-').unwrap();
        let number = |digits| u64::from_str_radix(digits, 16).unwrap();
        let (mut at, end) = (number(start), number(end));
        while at < end {
            memory.seek(SeekFrom::Start(at)).unwrap();
            let wanted = usize::try_from(end - at).unwrap().min(buffer.len());
            // A mapping may be gone meanwhile.
            if memory.read_exact(&mut buffer[..wanted]).is_err() {
                break;
            }
            for offset in 0..wanted.min(STEP) {
                let here = &buffer[offset..wanted];
                if here.len() < 2 || !beginnings[pair(here)] {
                    continue;
                }
                for needle in needles.iter().filter(|needle| needle.is_at(here)) {
                    hits.push(format!("{} in {name}", needle.what));
                }
            }
            at += STEP as u64;
        }
    }
    buffer.zeroize();
    hits
}

/// Master secrets as they are logged, kept masked.
#[derive(Clone, Default)]
struct Secrets(Arc<Mutex<Vec<Needle>>>);

#[cfg(feature = "key-log")]
impl std::io::Write for Secrets {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        let digits = &line[14 + 64 + 1..14 + 64 + 1 + 96];
        let mut secret = Zeroizing::new([0; 48]);
        for (byte, pair) in secret.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        }
        let mut known = self.0.lock().unwrap();
        known.push(Needle::new("a master secret", &secret[24..]));
        known.push(Needle::new("a master secret in hex", &digits[48..]));
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Connects clients with a certificate to a server, one after the other, and drops everything. Once
/// they are connected nobody has their master secret any more.
fn shake_hands(server: SecureServer, client: &SecureClient, secrets: &Secrets) {
    let net = InProcessNetwork::new();
    let frame = Duration::from_millis(16);
    let settings = || NetworkSettings::builder().fixed_frame_time(frame);
    let settings_of_server = settings().secure_server(server).build().unwrap();
    let mut server = NetworkDriver::with_interface(settings_of_server, net.interface()).unwrap();
    let place = NetworkEndpoint::loopback_ipv4(7_777);
    server.bind(place).unwrap();
    server.listen().unwrap();
    for _ in 0..HANDSHAKES {
        let settings = settings().secure_client(client.clone()).build().unwrap();
        let mut client = NetworkDriver::with_interface(settings, net.interface()).unwrap();
        client.connect(place).unwrap();
        let connected = (0..100).any(|_| {
            client.update();
            server.update();
            matches!(client.pop_event(), Some((_, NetworkEvent::Connect { .. })))
        });
        assert!(connected);
        assert_eq!(scan(&secrets.0.lock().unwrap()), Vec::<String>::new());
    }
    assert_eq!(
        server.statistics().handshakes.completed,
        u64::try_from(HANDSHAKES).unwrap()
    );
}

#[test]
fn r39_heap_scan_nothing_is_left_of_keys_and_master_secrets() {
    let secrets = Secrets::default();
    let mut needles = Vec::new();
    for kind in ["ecdsa", "rsa"] {
        let read = |name: &str| {
            let path = format!("{}/certs/{kind}-{name}", env!("CARGO_MANIFEST_DIR"));
            std::fs::read(path).unwrap()
        };
        let (key, players) = (
            read_key(&format!("{kind}-server.key")),
            read_key(&format!("{kind}-client.key")),
        );
        needles.extend(needles_of(&format!("{kind} server"), &key));
        needles.extend(needles_of(&format!("{kind} client"), &players));
        let server = SecureServer::from_pem(read("server.pem"), &*key).unwrap();
        #[cfg(feature = "key-log")]
        let server = server.dangerous_key_log(secrets.clone());
        let trust = Trust::from_pem(read("client-ca.pem")).unwrap();
        let server = server.client_authentication(ClientAuthentication::Required(trust));
        let player = Identity::from_pem(read("client.pem"), &*players).unwrap();
        let client = SecureClient::new("server.drumfire.test")
            .ca_pem(read("server-ca.pem"))
            .unwrap()
            .identity(player);
        drop((key, players));
        let (texts, others): (Vec<_>, Vec<_>) = needles
            .into_iter()
            .partition(|needle| needle.what.ends_with("text"));
        assert_eq!(scan(&texts), Vec::<String>::new());
        needles = [texts, others].into_iter().flatten().collect();
        shake_hands(server, &client, &secrets);
    }
    let mut logged = secrets.0.lock().unwrap();
    #[cfg(feature = "key-log")]
    assert_eq!(logged.len(), 2 * 2 * HANDSHAKES);
    needles.append(&mut logged);

    // What lies about is found, alive or freed.
    let known = b"text that lies about in the heap".map(|byte| byte ^ 1);
    needles.push(Needle::new("what was planted", &known));
    let planted = known.to_vec();
    let (planted_hits, hits): (Vec<_>, Vec<_>) = scan(&needles)
        .into_iter()
        .partition(|hit| hit.starts_with("what was planted"));
    assert!(!planted_hits.is_empty());
    drop(planted);
    assert_eq!(hits, Vec::<String>::new());
}
