//! `drumfire proxy` and `--preset` from outside: a bad network between real processes.
//!
//! Nothing sleeps: each test ends when what it waits for has come, or with its child's own end.

#![cfg(feature = "cli")]
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_types,
    reason = "helpers of tests, and sockets that stand for other programs"
)]

use std::io::{BufRead, BufReader, Read};
use std::net::UdpSocket;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;

/// A child that says where it listens. Killed when dropped.
struct Listener {
    process: Child,
    output: BufReader<ChildStdout>,
    endpoint: String,
}

impl Listener {
    fn start(arguments: &[&str]) -> Self {
        let mut process = drumfire(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let endpoint = line.split([' ', ',']).nth(2).unwrap().to_owned();
        Self {
            process,
            output,
            endpoint,
        }
    }

    fn server(more: &[&str]) -> Self {
        let serve = ["serve", "--plain", "--echo", "--bind", "127.0.0.1:0"];
        Self::start(&[&serve, more].concat())
    }

    fn proxy(server: &str, more: &[&str]) -> Self {
        let proxy = ["proxy", server, "--listen", "127.0.0.1:0"];
        Self::start(&[&proxy, more].concat())
    }

    /// Stops it; what it says at its end.
    fn stop(mut self) -> String {
        let id = self.process.id().to_string();
        let sent = Command::new("kill").args(["-INT", &id]).status();
        assert!(sent.unwrap().success());
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).unwrap();
        assert_eq!(self.process.wait().unwrap().code(), Some(0));
        rest
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn drumfire(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_drumfire"));
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Five clients for half a second, on a pipeline.
fn client(server: &str, more: &[&str]) -> Output {
    let load = [
        "client",
        server,
        "--plain",
        "--clients",
        "5",
        "--rate",
        "40",
        "--duration",
        "0.5",
        "--warmup",
        "0.1",
        "--json",
        "-",
    ];
    drumfire(&[&load, more].concat()).output().unwrap()
}

fn number(json: &Value, path: &str) -> u64 {
    json.pointer(path).and_then(Value::as_u64).unwrap()
}

#[test]
fn clients_and_a_server_of_ours_complete_through_a_bad_network() {
    let server = Listener::server(&["--pipelines", "R;FR"]);
    let file = std::env::temp_dir().join(format!("drumfire-proxy-{}.json", std::process::id()));
    let weather = "loss=20,duplicate=20,reorder=10/30,delay=5,jitter=20";
    let file_name = file.to_str().unwrap();
    let more = ["--both", weather, "--json", file_name, "--seed", "7"];
    let proxy = Listener::proxy(&server.endpoint, &more);
    for (pipeline, size) in [("R", "64"), ("FR", "3000")] {
        let pipelines = [
            "--pipelines",
            "R;FR",
            "--pipeline",
            pipeline,
            "--size",
            size,
        ];
        let output = client(&proxy.endpoint, &pipelines);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{errors}");
        let json: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(
            number(&json, "/messages/lost") + number(&json, "/messages/corrupt"),
            0
        );
        assert!(number(&json, "/messages/received") > 50, "{json}");
    }
    let said = proxy.stop();
    assert!(
        said.contains("10 clients") && said.contains("duplicated"),
        "{said}"
    );
    let json: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    std::fs::remove_file(&file).unwrap();
    for way in ["/up", "/down"] {
        let count = |name: &str| number(&json, &format!("{way}/{name}"));
        let (came, lost) = (count("came"), count("lost"));
        // Five standard deviations of a thousand throws are six percent of them.
        assert!(
            came > 500 && (came * 13..came * 27).contains(&(lost * 100)),
            "{json}"
        );
        assert!(count("duplicated") > 0 && count("reordered") > 0, "{json}");
        assert_eq!(
            came + count("duplicated"),
            count("passed") + lost + count("under_way")
        );
    }
}

/// The numbers of the first fifty datagrams that a proxy lets through.
fn passed(seed: &str) -> Vec<u8> {
    let sink = UdpSocket::bind("127.0.0.1:0").unwrap();
    sink.set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let server = sink.local_addr().unwrap().to_string();
    let proxy = Listener::proxy(&server, &["--up", "loss=60", "--seed", seed]);
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    for number in 0..200_u8 {
        client.send_to(&[number], &proxy.endpoint).unwrap();
    }
    let mut byte = [0];
    let mut next = || {
        assert_eq!(sink.recv(&mut byte).unwrap(), 1);
        byte[0]
    };
    (0..50).map(|_| next()).collect()
}

#[test]
fn under_one_seed_the_same_datagrams_are_lost() {
    let first = passed("3");
    assert!(first.is_sorted() && first != (0..50).collect::<Vec<u8>>());
    assert_eq!(first, passed("3"));
    assert_ne!(first, passed("4"));
}

#[test]
fn each_direction_has_its_own_network() {
    let echo = UdpSocket::bind("127.0.0.1:0").unwrap();
    let server = echo.local_addr().unwrap().to_string();
    let proxy = Listener::proxy(&server, &["--up", "delay=1", "--down", "loss=100"]);
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    let patience = Some(Duration::from_secs(20));
    echo.set_read_timeout(patience).unwrap();
    let mut buffer = [0; 100];
    for _ in 0..20 {
        client.send_to(b"there", &proxy.endpoint).unwrap();
        let (len, from) = echo.recv_from(&mut buffer).unwrap();
        assert_eq!(&buffer[..len], b"there");
        echo.send_to(b"and back", from).unwrap();
    }
    // One more there and back: what was sent back before it has been looked at by then.
    client.send_to(b"there", &proxy.endpoint).unwrap();
    echo.recv_from(&mut buffer).unwrap();
    let said = proxy.stop();
    let line = |name: &str| {
        let line = said.lines().find(|line| line.starts_with(name)).unwrap();
        let words: Vec<&str> = line.split_whitespace().collect();
        (
            words[words.len() - 2].to_owned(),
            words[words.len() - 1].to_owned(),
        )
    };
    let (up, down) = line("passed");
    assert_eq!((up.as_str(), down.as_str()), ("21", "0"), "{said}");
    let (up, down) = line("lost");
    assert_eq!(up, "0");
    assert!(down.parse::<u32>().unwrap() >= 19, "{said}");
    client.set_nonblocking(true).unwrap();
    assert!(client.recv(&mut buffer).is_err());
}

#[test]
fn a_preset_is_the_network_of_one_side_and_reliable_messages_survive_it() {
    let server = Listener::server(&["--pipelines", "R"]);
    let output = client(&server.endpoint, &["--pipeline", "R", "--preset", "5g"]);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{errors}");
    assert!(errors.contains("network 5g"), "{errors}");
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(number(&json, "/messages/lost"), 0);
    // Thirty milliseconds each way, ten at least.
    let median = json.pointer("/rtt_us/p50").and_then(Value::as_f64).unwrap();
    assert!(median > 40_000.0, "{median} µs");
    for (preset, reason) in [
        ("6g", "no preset is called 6g"),
        ("bursts", "drumfire proxy"),
    ] {
        let refused = client(&server.endpoint, &["--pipeline", "R", "--preset", preset]);
        assert_eq!(refused.status.code(), Some(2));
        let errors = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(errors.contains(reason), "{errors}");
    }
}

#[test]
fn a_server_may_be_on_a_network_of_a_preset() {
    let server = Listener::server(&["--pipelines", "R", "--preset", "home-fiber"]);
    let output = client(&server.endpoint, &["--pipeline", "R"]);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{errors}");
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let median = json.pointer("/rtt_us/p50").and_then(Value::as_f64).unwrap();
    assert!(median > 18_000.0, "{median} µs");
}
