//! tshark as a judge: what we send is dissected without a complaint.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use crate::cell::{Cell, Cipher, Fault, Key, Network, We, Who};
use crate::is_required;
use crate::line::Tape;
use crate::talk;

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
fn tshark_dissects_a_capture() {
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
                network: Network::Clean,
                mtu,
                fault: Fault::None,
            });
        }
    }
}

fn dissect(cell: &Cell) {
    let (tape, keys) = (Tape::default(), Keys::default());
    talk::run_taped(cell, &tape, keys.clone()).unwrap();
    let place = |name: &str| {
        let name = format!("{:?}-{}-{name}", cell.cipher, cell.mtu);
        PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
    };
    let (capture, log) = (place("capture.pcap"), place("keys.txt"));
    std::fs::write(&capture, pcap(&tape)).unwrap();
    std::fs::write(&log, &*keys.0.lock().unwrap()).unwrap();

    let details = tshark(&capture, &log, "-V");
    assert!(
        details.contains("Datagram Transport Layer Security"),
        "{details}"
    );
    assert!(!details.contains("Malformed"), "{details}");
    assert!(!details.contains("Expert Info (Error"), "{details}");
    println!("{cell}: {} datagrams dissected", tape.len());
}

fn tshark(capture: &Path, keys: &Path, more: &str) -> String {
    let output = Command::new("tshark")
        .arg("-r")
        .arg(capture)
        .args(["-d", &format!("udp.port=={PORT},dtls"), "-o"])
        .arg(format!("tls.keylog_file:{}", keys.display()))
        .arg(more)
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
