//! tshark as a judge: what we send is dissected without a complaint, and read with our key log.

use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use crate::cell::{Cell, Cipher, Fault, Key, Network, We, Who};
use crate::is_required;
use crate::line::Tape;
use crate::talk::{self, contains};

/// What the capture says our port is.
const PORT: u16 = 7_777;
const THEIR_PORT: u16 = 40_000;
/// pcap's number for packets that begin with their IP header.
const RAW_IP: u32 = 101;

/// The key log's other end.
#[derive(Clone, Default)]
pub(crate) struct Keys(Arc<Mutex<Vec<u8>>>);

impl Write for Keys {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn tshark_dissects_a_capture_and_reads_it_with_the_key_log() {
    if Command::new("tshark").arg("--version").output().is_err() {
        assert!(!is_required(), "tshark is not installed");
        println!("SKIPPED: no tshark to look at a capture");
        return;
    }
    for cipher in [Cipher::ChaCha20, Cipher::Aes256] {
        for mtu in [1_400, 300] {
            dissect(&Cell {
                who: Who::OpenSsl,
                we: We::Server,
                key: Key::Ecdsa,
                cipher,
                mutual: true,
                network: Network::Taped,
                mtu,
                fault: Fault::None,
            });
        }
    }
}

fn dissect(cell: &Cell) {
    let (tape, keys) = (Tape::default(), Keys::default());
    let theirs = cell.made("their-keys.txt");
    // OpenSSL appends.
    let _ = std::fs::remove_file(&theirs);
    talk::run_taped(cell, &tape, keys.clone()).unwrap();
    let (capture, log) = (cell.made("capture.pcap"), cell.made("keys.txt"));
    std::fs::write(&capture, pcap(&tape)).unwrap();
    std::fs::write(&log, &*keys.0.lock().unwrap()).unwrap();

    let details = tshark(&capture, &log, "-V");
    assert!(
        details.contains("Datagram Transport Layer Security"),
        "{details}"
    );
    assert!(!details.contains("Malformed"), "{details}");
    assert!(!details.contains("Expert Info (Error"), "{details}");

    // Our log says what OpenSSL says of the same handshake.
    let theirs = std::fs::read_to_string(theirs).unwrap();
    let ours = std::fs::read_to_string(&log).unwrap();
    assert_eq!(ours.lines().count(), 1, "{ours}");
    let line = ours.trim_end();
    assert!(
        theirs.lines().any(|their| their.eq_ignore_ascii_case(line)),
        "{line} is not in {theirs}"
    );

    let texts = [talk::FROM_US, talk::FROM_THEM];
    let in_clear = |bytes: &[u8]| texts.iter().any(|text| contains(bytes, text));
    assert!(!tape.datagrams().iter().any(|(_, bytes)| in_clear(bytes)));
    let read = opened(&capture, &log);
    // tshark 4.0 has ChaCha20's nonce without the epoch, and opens no such record of anybody's.
    if read.is_empty() && cell.cipher == Cipher::ChaCha20 {
        println!("SKIPPED: this tshark opens no ChaCha20-Poly1305 over DTLS");
    } else {
        for text in texts {
            assert!(read.iter().any(|bytes| contains(bytes, text)), "{read:?}");
        }
    }
    println!(
        "{cell}: {} datagrams dissected, {} records read",
        tape.len(),
        read.len()
    );
}

/// The application data of all records that tshark could open.
fn opened(capture: &Path, keys: &Path) -> Vec<Vec<u8>> {
    let lines = tshark(capture, keys, "-Tfields -e data.data");
    lines
        .lines()
        .filter(|line| !line.is_empty())
        .map(|line| {
            let digits = line.as_bytes().chunks_exact(2);
            digits
                .map(|pair| u8::from_str_radix(&String::from_utf8_lossy(pair), 16).unwrap())
                .collect()
        })
        .collect()
}

fn tshark(capture: &Path, keys: &Path, more: &str) -> String {
    let output = Command::new("tshark")
        .arg("-r")
        .arg(capture)
        .args(["-d", &format!("udp.port=={PORT},dtls"), "-o"])
        .arg(format!("tls.keylog_file:{}", keys.display()))
        .args(more.split(' '))
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What was carried, as a file that tshark reads: each datagram with made-up IPv4 and UDP headers.
fn pcap(tape: &Tape) -> Vec<u8> {
    let mut file = Vec::new();
    // Magic number, version 2.4, no time zone, no accuracy, longest packet, kind.
    for number in [0xA1B2_C3D4, 0x0004_0002, 0, 0, 65_535, RAW_IP] {
        file.extend_from_slice(&u32::to_le_bytes(number));
    }
    for (at, (upward, datagram)) in tape.datagrams().into_iter().enumerate() {
        let (from, to) = if upward {
            (THEIR_PORT, PORT)
        } else {
            (PORT, THEIR_PORT)
        };
        let length = u16::try_from(28 + datagram.len()).unwrap();
        let mut packet = vec![0x45, 0];
        packet.extend_from_slice(&length.to_be_bytes());
        packet.extend_from_slice(&[0, 0, 0, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1]);
        for number in [from, to, length - 20, 0] {
            packet.extend_from_slice(&number.to_be_bytes());
        }
        packet.extend_from_slice(&datagram);
        let length = u32::from(length);
        for number in [u32::try_from(at).unwrap(), 0, length, length] {
            file.extend_from_slice(&number.to_le_bytes());
        }
        file.extend_from_slice(&packet);
    }
    file
}
