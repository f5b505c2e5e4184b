//! Every file of the fuzz corpus, through the functions of the fuzz targets.

#![expect(clippy::unwrap_used, reason = "these helpers serve tests only")]

#[expect(unreachable_pub, reason = "to the fuzz package this file is a library")]
#[path = "../fuzz/drive.rs"]
mod drive;

use std::fs;
use std::path::Path;

/// Runs `target` on every file of its corpus, and tells which one failed.
fn replay(name: &str, target: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(name);
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(
        files.len() >= 10,
        "{} holds {} files",
        folder.display(),
        files.len()
    );
    for file in files {
        let bytes = fs::read(&file).unwrap();
        let result = std::panic::catch_unwind(|| target(&bytes));
        assert!(result.is_ok(), "{} failed", file.display());
    }
}

#[test]
fn the_corpus_of_datagrams_to_a_server_replays() {
    replay("datagram_server", drive::datagram_server);
}

#[test]
fn the_corpus_of_datagrams_to_a_client_replays() {
    replay("datagram_client", drive::datagram_client);
}

#[test]
fn the_corpus_of_streams_replays() {
    replay("stream_reader", drive::stream_reader);
}

#[test]
fn the_corpus_of_settings_replays() {
    replay("settings", drive::settings);
}

#[test]
#[cfg(feature = "aws-lc-rs")]
fn the_corpora_of_secure_connections_replay() {
    replay("records", drive::records);
    replay("certificates", drive::certificates);
    replay("secure_pair", drive::secure_pair);
}

#[test]
fn every_short_program_of_datagrams_is_survived() {
    for first in 0..=255 {
        for second in [0, 2, 3, 4, 5, 7, 9, 128, 255] {
            let program = [3, 0, 0, 2, first, second, first, 4, second, 2, first, 2];
            drive::datagram_server(&program);
            drive::datagram_client(&program);
        }
    }
}
