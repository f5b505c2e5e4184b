//! The binary from outside: what it prints, what it exits with, what it leaves in files.
//!
//! Every run is bounded by a watchdog that kills it; nothing sleeps. Loads are small: what they
//! show is that the parts fit together, not how fast they are.

#![cfg(feature = "cli")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_types,
    reason = "helpers of tests, and sockets that stand for other programs"
)]

use std::io::{BufRead, BufReader, Read};
use std::net::UdpSocket;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use drumfire::{DisconnectReason, NetworkDriver, NetworkEvent, NetworkSettings};
use serde_json::Value;

/// Longest time any run may take; all of them end by themselves long before.
const PATIENCE: Duration = Duration::from_secs(60);

/// Everything the issue promises, as paths into the JSON.
const KEYS: &[&str] = &[
    "clients",
    "rate_hz",
    "window",
    "size",
    "pipeline",
    "secure",
    "workers",
    "duration_s",
    "connected",
    "connect_seconds",
    "messages/sent",
    "messages/received",
    "messages/lost",
    "messages/corrupt",
    "rtt_us/p50",
    "rtt_us/p90",
    "rtt_us/p99",
    "rtt_us/p999",
    "rtt_us/max",
    "server/cpu_us_per_message",
    "server/cpu_percent",
    "server/rss_bytes",
    "server/rss_bytes_per_connection",
    "server/update_us/p50",
    "server/update_us/p99",
    "server/update_us/max",
    "server/stage_us/receive",
    "server/stage_us/route",
    "server/stage_us/decrypt",
    "server/stage_us/process",
    "server/stage_us/send",
    "server/stage_us/handshake",
    "server/stage_us/finish",
    "server/packets/in",
    "server/packets/out",
    "server/drops",
    "handshakes/completed",
    "handshakes/failed",
    "handshakes/server_cpu_us_each",
    "client/cpu_us_per_message",
    "floor/cpu_us_per_message",
    "ratio_to_floor",
];

fn drumfire(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_drumfire"));
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Runs to the end, or is killed.
fn run(arguments: &[&str]) -> Output {
    let child = drumfire(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let id = child.id();
    let (done, over) = channel::<()>();
    let watchdog = thread::spawn(move || {
        if over.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            signal(id, "-KILL");
        }
    });
    let output = child.wait_with_output().unwrap();
    drop(done);
    watchdog.join().unwrap();
    output
}

fn signal(process: u32, signal: &str) {
    let sent = Command::new("kill")
        .args([signal, &process.to_string()])
        .status();
    assert!(sent.unwrap().success());
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn at<'a>(json: &'a Value, path: &str) -> &'a Value {
    json.pointer(&format!("/{path}"))
        .unwrap_or_else(|| panic!("{path} is not in {json}"))
}

/// A `serve` process that listens. Killed when dropped.
struct Server {
    process: Child,
    output: BufReader<ChildStdout>,
    endpoint: String,
}

impl Server {
    fn start(arguments: &[&str]) -> Self {
        let mut process = drumfire(&["serve", "--bind", "127.0.0.1:0"])
            .args(arguments)
            .args((!arguments.contains(&"--secure")).then_some("--plain"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let rest = line
            .strip_prefix("listening on ")
            .unwrap_or_else(|| panic!("it says {line:?}"));
        let endpoint = rest.split(',').next().unwrap().to_owned();
        Self {
            process,
            output,
            endpoint,
        }
    }

    /// Waits for its end. Returns its exit code and what it said since it listens.
    fn end(&mut self) -> (Option<i32>, String) {
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).unwrap();
        (self.process.wait().unwrap().code(), rest)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A client that is connected to `server`.
fn connect(server: &Server) -> NetworkDriver {
    let mut driver = NetworkDriver::new(NetworkSettings::plain()).unwrap();
    let connection = driver.connect(server.endpoint.parse().unwrap()).unwrap();
    for _ in 0..1_000 {
        driver.update();
        if let Some(event) = driver.pop_event_for_connection(connection) {
            assert!(matches!(event, NetworkEvent::Connect { .. }), "{event:?}");
            return driver;
        }
        driver.wait(Duration::from_millis(20));
    }
    panic!("not connected");
}

/// Why the one connection of `driver` ends.
fn reason(driver: &mut NetworkDriver) -> DisconnectReason {
    for _ in 0..1_000 {
        driver.update();
        while let Some((_, event)) = driver.pop_event() {
            if let NetworkEvent::Disconnect { reason } = event {
                return reason;
            }
        }
        driver.wait(Duration::from_millis(20));
    }
    panic!("still connected");
}

/// What the demo of this build is: a build without a provider has plain connections only.
const HAS_PROVIDER: bool = cfg!(any(feature = "aws-lc-rs", feature = "ring"));
const SECURE: &str = if HAS_PROVIDER { "dtls" } else { "none" };
const HANDSHAKES: u64 = if HAS_PROVIDER { 20 } else { 0 };
const UNLESS_SECURE: &[&str] = if HAS_PROVIDER { &[] } else { &["--plain"] };

const SMALL: &[&str] = &["--clients", "20", "--duration", "0.5", "--warmup", "0.2"];

fn small(command: &[&'static str], more: &[&'static str]) -> Vec<&'static str> {
    [command, SMALL, more].concat()
}

#[test]
fn a_small_demo_loses_nothing_and_its_json_has_every_key() {
    let output = run(&[&small(&["demo"], &["--json", "-"]), UNLESS_SECURE].concat());
    let errors = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{errors}");
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    for key in KEYS {
        at(&json, key);
    }
    assert_eq!(at(&json, "connected"), 20);
    assert_eq!(at(&json, "messages/lost"), 0);
    assert_eq!(at(&json, "messages/corrupt"), 0);
    assert_eq!(at(&json, "messages/sent"), at(&json, "messages/received"));
    assert!(at(&json, "server/cpu_us_per_message").as_f64().unwrap() > 0.0);
    assert!(at(&json, "ratio_to_floor").as_f64().unwrap() > 0.0);
    assert_eq!(at(&json, "window"), &Value::Null);
    assert_eq!(at(&json, "secure"), SECURE);
    assert_eq!(at(&json, "handshakes/completed"), HANDSHAKES);
    assert_eq!(at(&json, "handshakes/failed"), 0);
    // The table went to stderr, since stdout carries JSON.
    for part in ["lost", "round trip", "three things to try next"] {
        assert!(errors.contains(part), "{part} is not in {errors}");
    }
}

#[test]
fn a_plain_demo_says_that_it_is() {
    let output = run(&small(&["demo"], &["--plain", "--json", "-"]));
    let errors = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{errors}");
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(at(&json, "secure"), "none");
    assert_eq!(at(&json, "handshakes/completed"), 0);
    assert!(errors.contains("not encrypted"), "{errors}");
}

#[test]
fn who_does_not_say_how_messages_travel_is_shown_both_command_lines() {
    for (command, secure, plain) in [
        (
            &["serve"][..],
            "drumfire serve --secure --certificate server.pem --private-key server.key",
            "drumfire serve --plain",
        ),
        (
            &["client", "game.example:7777"],
            "drumfire client game.example:7777 --secure --ca server-ca.pem",
            "drumfire client game.example:7777 --plain",
        ),
        (
            &["ping", "game.example:7777"],
            "drumfire ping game.example:7777 --secure --ca server-ca.pem",
            "drumfire ping game.example:7777 --plain",
        ),
    ] {
        let output = run(command);
        assert_eq!(output.status.code(), Some(2));
        let errors = text(&output.stderr);
        for line in [secure, plain] {
            assert!(errors.lines().any(|said| said.trim() == line), "{errors}");
        }
        let both = run(&[command, &["--secure", "--plain"]].concat());
        assert_eq!(both.status.code(), Some(2), "{}", text(&both.stderr));
    }
}

#[test]
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
fn a_secure_server_and_its_clients_take_files_and_say_why_not() {
    let file = |name: &str| format!("{}/certs/{name}", env!("CARGO_MANIFEST_DIR"));
    let certificate = ["--certificate", &file("ecdsa-server.pem")];
    let key = ["--private-key", &file("ecdsa-server.key")];
    let players = ["--ca", &file("ecdsa-client-ca.pem")];
    let server =
        Server::start(&[&["--secure", "--echo"][..], &certificate, &key, &players].concat());
    let client = |ca: &str, more: &[&str]| {
        let ca = ["--secure", "--ca", &file(ca)];
        run(&[&["ping", &server.endpoint, "--count", "2"], &ca[..], more].concat())
    };
    let player = [
        "--certificate",
        &file("ecdsa-client.pem"),
        "--private-key",
        &file("ecdsa-client.key"),
    ];
    // 127.0.0.1 is the name that is connected to, and one of the certificate's.
    let good = client("ecdsa-server-ca.pem", &player);
    assert!(
        text(&good.stdout).contains("2 of 2 came back"),
        "{}",
        text(&good.stderr)
    );
    for (ca, name, part) in [
        (
            "ecdsa-server-ca.pem",
            "other.example",
            "not for `other.example`",
        ),
        (
            "rsa-server-ca.pem",
            "localhost",
            "none of the given CA certificates",
        ),
    ] {
        let bad = client(ca, &[&player[..], &["--server-name", name]].concat());
        assert_eq!(bad.status.code(), Some(2));
        assert!(text(&bad.stdout).contains(part), "{}", text(&bad.stdout));
    }
    let lacking = run(&["serve", "--secure"]);
    assert_eq!(lacking.status.code(), Some(2));
    assert!(
        text(&lacking.stderr).contains("drumfire certs new"),
        "{}",
        text(&lacking.stderr)
    );
}

#[test]
fn a_demo_with_the_receive_buffer_of_stock_linux_loses_nothing() {
    let stock = [
        "--receive-buffer",
        "212992",
        "--clients",
        "300",
        "--duration",
        "1",
        "--warmup",
        "0.2",
    ];
    let output = run(&[&["demo"], &stock[..], UNLESS_SECURE].concat());
    let out = text(&output.stdout);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{out}{}",
        text(&output.stderr)
    );
    assert!(out.contains(" 0 lost, 0 corrupt"), "{out}");
    assert!(out.contains("300 of 300 clients"), "{out}");
}

#[test]
fn a_window_keeps_as_many_messages_under_way() {
    let server = Server::start(&["--echo"]);
    let arguments = [
        &["client", server.endpoint.as_str()],
        SMALL,
        &["--plain", "--window", "4", "--json", "-"],
    ]
    .concat();
    let output = run(&arguments);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(at(&json, "window"), 4);
    assert_eq!(at(&json, "rate_hz"), &Value::Null);
    // Each of the 20 clients sent its window, and then one message for each echo.
    assert!(at(&json, "messages/sent").as_u64().unwrap() > 80);
    assert_eq!(at(&json, "server/cpu_us_per_message"), &Value::Null);
}

#[test]
fn a_client_of_a_server_that_does_not_echo_says_so_and_fails() {
    let server = Server::start(&[]);
    let arguments = [&["client", server.endpoint.as_str(), "--plain"], SMALL].concat();
    let output = run(&arguments);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stdout).contains("nothing came back: does the server echo"),
        "{}",
        text(&output.stdout)
    );
}

#[test]
fn serve_refuses_a_stage_that_does_not_exist() {
    let output = run(&[
        "serve",
        "--plain",
        "--bind",
        "127.0.0.1:0",
        "--pipelines",
        "N;UX",
    ]);
    assert_eq!(output.status.code(), Some(2));
    let errors = text(&output.stderr);
    assert!(errors.contains("no stage is called X"), "{errors}");
}

#[test]
fn a_client_echoes_over_every_kind_of_pipeline() {
    let all = "U;R;F;FR;FU;UF;RF";
    let server = Server::start(&["--echo", "--pipelines", all]);
    for pipeline in ["none", "U", "R", "FR"] {
        let arguments = [
            &[
                "client",
                "--plain",
                server.endpoint.as_str(),
                "--pipelines",
                all,
            ],
            &["--pipeline", pipeline][..],
            SMALL,
        ]
        .concat();
        let output = run(&arguments);
        assert_eq!(
            output.status.code(),
            Some(0),
            "{pipeline}: {}{}",
            text(&output.stdout),
            text(&output.stderr)
        );
    }
}

#[test]
fn a_port_in_use_is_named_with_the_remedy() {
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = run(&["serve", "--plain", "--bind", &address]);
    assert_eq!(output.status.code(), Some(2));
    let errors = text(&output.stderr);
    assert!(
        errors.contains(&address) && errors.contains("in use"),
        "{errors}"
    );
}

#[test]
#[cfg(unix)]
fn sigterm_and_sigint_disconnect_everybody_and_exit_zero() {
    for name in ["-TERM", "-INT"] {
        let mut server = Server::start(&["--echo"]);
        let mut clients = [connect(&server), connect(&server)];
        signal(server.process.id(), name);
        for client in &mut clients {
            assert_eq!(reason(client), DisconnectReason::ClosedByRemote);
        }
        let (code, rest) = server.end();
        assert_eq!(code, Some(0), "{rest}");
        assert!(rest.contains("stopped"), "{rest}");
    }
}

#[test]
#[cfg(unix)]
fn a_second_signal_ends_at_once_with_exit_code_one() {
    let mut server = Server::start(&["--echo"]);
    let id = server.process.id();
    // It stands still until both are there.
    for name in ["-STOP", "-TERM", "-INT", "-CONT"] {
        signal(id, name);
    }
    let (code, rest) = server.end();
    assert_eq!(code, Some(1), "{rest}");
    assert!(!rest.contains("stopped"), "{rest}");
}

#[test]
fn a_demo_says_what_it_does_before_it_does_it() {
    let forever = ["demo", "--clients", "20", "--duration", "86400"];
    let mut demo = drumfire(&forever)
        .args(UNLESS_SECURE)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(demo.stdout.take().unwrap());
    let (said, hears) = channel();
    let reader = thread::spawn(move || {
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        said.send(line).unwrap();
    });
    let line = hears.recv_timeout(PATIENCE);
    demo.kill().unwrap();
    demo.wait().unwrap();
    reader.join().unwrap();
    let line = line.unwrap();
    assert!(line.starts_with("drumfire demo: 20 clients"), "{line}");
}

#[test]
#[cfg(unix)]
fn serve_says_once_what_clients_of_the_wrong_kind_need() {
    let mut server = Server::start(&[]);
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    let hello = [&[22, 0xFE, 0xFD][..], &[0; 60]].concat();
    for _ in 0..3 {
        for datagram in [&[0; 10][..], &hello] {
            stranger.send_to(datagram, &server.endpoint).unwrap();
        }
    }
    // Whoever comes behind them has been served after them.
    connect(&server);
    signal(server.process.id(), "-TERM");
    let (code, rest) = server.end();
    assert_eq!(code, Some(0), "{rest}");
    for remedy in ["com.unity.transport 2.0", "WithSecureClientParameters"] {
        assert_eq!(rest.matches(remedy).count(), 1, "{rest}");
    }
}

#[test]
#[cfg(unix)]
fn serve_leaves_its_counters_in_the_file_it_was_told() {
    let file = std::env::temp_dir().join(format!("drumfire-cli-{}.json", std::process::id()));
    let mut server = Server::start(&["--echo", "--stats-json", file.to_str().unwrap()]);
    let ping = run(&["ping", &server.endpoint, "--plain", "--count", "3"]);
    assert_eq!(ping.status.code(), Some(0), "{}", text(&ping.stderr));
    assert!(
        text(&ping.stdout).contains("3 of 3 came back"),
        "{}",
        text(&ping.stdout)
    );
    signal(server.process.id(), "-TERM");
    assert_eq!(server.end().0, Some(0));
    let json: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert_eq!(at(&json, "echoed"), 3);
    assert!(at(&json, "packets/in").as_u64().unwrap() >= 4);
}

#[test]
fn ping_of_a_server_without_echo_explains_what_it_can_measure() {
    let server = Server::start(&[]);
    let output = run(&["ping", &server.endpoint, "--plain", "--timeout", "0.5"]);
    assert_eq!(output.status.code(), Some(0));
    let out = text(&output.stdout);
    assert!(
        out.contains("connected to") && out.contains("does not echo"),
        "{out}"
    );
}

#[test]
fn ping_of_nobody_fails_and_says_what_to_look_for() {
    // Bound, and never read: nobody answers, and nobody else can take the port.
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let output = run(&[
        "ping",
        "--plain",
        &silent.local_addr().unwrap().to_string(),
        "--timeout",
        "0.3",
    ]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stdout).contains("no answer from"),
        "{}",
        text(&output.stdout)
    );
}

#[test]
fn bench_refuses_times_too_short_to_mean_anything() {
    let output = run(&["bench", "--plain", "--duration", "1"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("processor time needs"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn doctor_looks_at_everything_and_gives_remedies() {
    let output = run(&["doctor"]);
    let out = text(&output.stdout);
    for part in [
        "receive buffer",
        "send buffer",
        "GSO",
        "GRO",
        "descriptors",
        "clock",
        "cores",
    ] {
        assert!(out.contains(part), "{part} is not in {out}");
    }
    // What is not fine has a line with its remedy.
    let complaints = out
        .lines()
        .filter(|line| line.starts_with("mind") || line.starts_with("BAD"))
        .count();
    assert_eq!(
        out.lines().filter(|line| line.contains('→')).count(),
        complaints,
        "{out}"
    );
    assert_eq!(output.status.code(), Some(i32::from(out.contains("BAD"))));
}

#[test]
fn help_names_every_command_but_the_floor() {
    let output = run(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    let help = text(&output.stdout);
    for command in ["demo", "serve", "client", "bench", "ping", "doctor"] {
        assert!(help.contains(command), "{command} is not in {help}");
        let own = run(&[command, "--help"]);
        assert_eq!(own.status.code(), Some(0));
        assert!(
            text(&own.stdout).contains("--plain"),
            "{command} does not take --plain"
        );
    }
    assert!(!help.contains("floor"), "{help}");
    assert!(help.contains("Exit codes"), "{help}");
}
