//! The socket's errors, scripted: every row of R3 in both directions, and the repair of a socket.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use super::*;

/// What a scripted call does.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// Take everything, or read one datagram.
    Work,
    /// Take this many messages only.
    Partly(usize),
    /// Fail.
    Fail(i32),
}

/// A system whose calls do as they are told, and work when they are told nothing.
#[derive(Debug, Default)]
struct Script {
    sends: VecDeque<Act>,
    receives: VecDeque<Act>,
    opens: VecDeque<Act>,
    opened: Vec<SocketAddr>,
    /// Every datagram that left, and whether in a train.
    left: Vec<(u16, Vec<u8>, bool)>,
    calls: usize,
}

#[derive(Clone, Debug, Default)]
struct Scripted(Arc<Mutex<Script>>);

impl System for Scripted {
    fn open(&self, _options: &UdpOptions, local: SocketAddr) -> io::Result<Box<dyn SystemSocket>> {
        let mut script = self.0.lock();
        match script.opens.pop_front() {
            Some(Act::Fail(code)) => Err(io::Error::from_raw_os_error(code)),
            _ => {
                script.opened.push(local);
                Ok(Box::new(self.clone()))
            }
        }
    }
}

impl SystemSocket for Scripted {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(SocketAddr::from(([127, 0, 0, 1], 7777)))
    }

    fn buffers(&self) -> (usize, usize) {
        (1, 1)
    }

    fn segments(&self) -> bool {
        true
    }

    fn receive(
        &self,
        batch: &mut ReceiveBatch,
        filter: &SourceFilter,
        tally: &mut ReceiveTally,
    ) -> io::Result<Filled> {
        tally.calls += 1;
        match self.0.lock().receives.pop_front() {
            Some(Act::Fail(code)) => Err(io::Error::from_raw_os_error(code)),
            Some(_) => {
                source::Arrival {
                    from: Some(SocketAddr::from(([127, 0, 0, 1], 5000))),
                    to: None,
                    len: 1,
                    segment: 0,
                    cut: false,
                }
                .enter(batch, filter, tally);
                Ok(Filled::Some)
            }
            None => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    fn send(&self, batch: &[Transmit<'_>], gso: bool) -> Result<system::Sent, SendFailure> {
        let mut script = self.0.lock();
        script.calls += 1;
        let act = script.sends.pop_front().unwrap_or(Act::Work);
        let messages = match act {
            Act::Work => usize::MAX,
            Act::Partly(messages) => messages,
            Act::Fail(code) => {
                return Err(SendFailure {
                    error: io::Error::from_raw_os_error(code),
                    train: if gso { system::train_length(batch) } else { 1 },
                });
            }
        };
        let mut sent = system::Sent {
            calls: 1,
            ..system::Sent::default()
        };
        for _ in 0..messages {
            let rest = &batch[sent.datagrams..];
            let train = if gso {
                system::train_length(rest)
            } else {
                1.min(rest.len())
            };
            for transmit in &rest[..train] {
                let left = (transmit.to.port(), transmit.bytes.to_vec(), train > 1);
                script.left.push(left);
            }
            sent.datagrams += train;
            sent.segmented += if train > 1 { train } else { 0 };
            if train == 0 {
                break;
            }
        }
        Ok(sent)
    }

    fn descriptor(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        None
    }
}

fn bound(system: &Scripted, options: UdpOptions) -> UdpInterface {
    let mut interface = UdpInterface::with_system(options, Box::new(system.clone()));
    interface
        .bind(&NetworkEndpoint::loopback_ipv4(7777))
        .unwrap();
    interface
}

/// `sizes` as datagrams, each to a peer of its own, numbered in the first byte.
struct Batch {
    to: Vec<NetworkEndpoint>,
    bytes: Vec<Vec<u8>>,
}

impl Batch {
    fn new(count: u8) -> Self {
        Self {
            to: (0..count)
                .map(|n| NetworkEndpoint::loopback_ipv4(1000 + u16::from(n)))
                .collect(),
            bytes: (0..count).map(|n| vec![n; 8]).collect(),
        }
    }

    fn to_one_peer(count: u8) -> Self {
        let mut batch = Self::new(count);
        batch.to.fill(NetworkEndpoint::loopback_ipv4(1000));
        batch
    }

    fn transmits(&self) -> Vec<Transmit<'_>> {
        let pairs = self.to.iter().zip(&self.bytes);
        pairs
            .map(|(to, bytes)| Transmit {
                to,
                from: None,
                bytes,
            })
            .collect()
    }
}

fn left(system: &Scripted) -> Vec<u8> {
    let script = system.0.lock();
    script.left.iter().map(|(_, bytes, _)| bytes[0]).collect()
}

fn send(interface: &UdpInterface, batch: &Batch) -> SendReport {
    let mut report = SendReport::default();
    interface.send(&batch.transmits(), &mut report);
    report
}

#[test]
fn r03_errno_matrix_scripted_send_side() {
    // The third call of six fails: what it concerned, and what became of the rest.
    let one_fault = |fault| (vec![(2, fault)], 6, false);
    for (code, (faults, done, congested)) in [
        (libc::EAGAIN, (vec![], 2, true)),
        (libc::ENOBUFS, (vec![], 2, false)),
        (libc::ENOMEM, (vec![], 2, false)),
        (libc::EMSGSIZE, one_fault(SendFault::TooLong)),
        (libc::ECONNREFUSED, one_fault(SendFault::Unreachable)),
        (libc::EHOSTUNREACH, one_fault(SendFault::Unreachable)),
        (libc::ENETUNREACH, one_fault(SendFault::Unreachable)),
        (libc::ENETDOWN, one_fault(SendFault::Unreachable)),
        (libc::EPERM, one_fault(SendFault::Refused)),
        (libc::EACCES, one_fault(SendFault::Refused)),
        (libc::EINVAL, one_fault(SendFault::Refused)),
        (libc::EINTR, (vec![], 6, false)),
        (libc::EBADF, (vec![], 2, true)),
        (libc::ENOTSOCK, (vec![], 2, true)),
        (libc::ENODEV, (vec![], 2, true)),
    ] {
        let system = Scripted::default();
        let mut interface = bound(&system, UdpOptions::default());
        system.0.lock().sends = [Act::Partly(1), Act::Partly(1), Act::Fail(code)].into();
        let batch = Batch::new(6);
        let report = send(&interface, &batch);
        let error = io::Error::from_raw_os_error(code);
        assert_eq!(report.faults, faults, "{error}");
        assert_eq!(report.done, done, "{error}");
        assert_eq!(report.congested, congested, "{error}");
        let expected: Vec<u8> = (0..6)
            .filter(|n| usize::from(*n) < done && !faults.iter().any(|f| f.0 == usize::from(*n)))
            .collect();
        assert_eq!(left(&system), expected, "{error}");
        assert!(report.congested || report.done == 6 || interface.health.may_send());

        // The next update takes the rest: nothing is lost, nothing doubled.
        interface.maintain(Timestamp::from_micros(16_000)).unwrap();
        let mut rest = SendReport::default();
        interface.send(&batch.transmits()[done..], &mut rest);
        assert_eq!(rest.done, 6 - done, "{error}");
        let mut all = left(&system);
        all.extend(
            faults
                .iter()
                .map(|(index, _)| u8::try_from(*index).unwrap()),
        );
        all.sort_unstable();
        assert_eq!(all, [0, 1, 2, 3, 4, 5], "{error}");
        let fatal = matches!(code, libc::EBADF | libc::ENOTSOCK | libc::ENODEV);
        assert_eq!(
            interface.statistics().recreated,
            u64::from(fatal),
            "{error}"
        );
    }
}

#[test]
fn r03_errno_matrix_scripted_receive_side() {
    // The call fails, then one datagram waits.
    for (code, received, datagrams, errors) in [
        (libc::EAGAIN, Received::Drained, 0, 0),
        (libc::EINTR, Received::Drained, 1, 0),
        (libc::ENOBUFS, Received::Drained, 1, 1),
        (libc::ENOMEM, Received::Drained, 1, 1),
        (libc::EMSGSIZE, Received::Drained, 1, 1),
        (libc::ECONNREFUSED, Received::Drained, 1, 1),
        (libc::EHOSTUNREACH, Received::Drained, 1, 1),
        (libc::ENETUNREACH, Received::Drained, 1, 1),
        (libc::ENETDOWN, Received::Drained, 1, 1),
        (libc::EPERM, Received::Drained, 1, 1),
        (libc::EACCES, Received::Drained, 1, 1),
        (libc::EINVAL, Received::Drained, 1, 1),
        (libc::EBADF, Received::Failed, 0, 1),
        (libc::ENOTSOCK, Received::Failed, 0, 1),
        (libc::ENODEV, Received::Failed, 0, 1),
    ] {
        let error = io::Error::from_raw_os_error(code);
        let system = Scripted::default();
        let mut interface = bound(&system, UdpOptions::default());
        system.0.lock().receives = [Act::Fail(code), Act::Work].into();
        let mut batch = ReceiveBatch::new(16);
        assert_eq!(interface.receive(&mut batch), received, "{error}");
        assert_eq!(batch.datagrams().count(), datagrams, "{error}");
        assert_eq!(interface.statistics().receive_errors, errors, "{error}");

        // After at most one repair it receives.
        interface.maintain(Timestamp::from_micros(16_000)).unwrap();
        interface.receive(&mut batch);
        assert_eq!(batch.datagrams().count(), 1, "{error}");
    }
}

#[test]
fn r03_partial_batch() {
    for script in [
        vec![Act::Partly(1)],
        vec![Act::Partly(5), Act::Partly(1), Act::Partly(2)],
        vec![Act::Partly(0), Act::Partly(31)],
        vec![Act::Partly(31), Act::Fail(libc::EINTR), Act::Partly(31)],
        vec![Act::Partly(7), Act::Fail(libc::EAGAIN), Act::Partly(9)],
    ] {
        for batch in [Batch::new(40), Batch::to_one_peer(40)] {
            let system = Scripted::default();
            let interface = bound(&system, UdpOptions::default());
            system.0.lock().sends = script.clone().into();
            let transmits = batch.transmits();
            let mut done = 0;
            while done < transmits.len() {
                let mut report = SendReport::default();
                interface.send(&transmits[done..], &mut report);
                assert_eq!(report.faults, []);
                done += report.done;
            }
            assert_eq!(left(&system), (0..40).collect::<Vec<_>>(), "{script:?}");
        }
    }
}

#[test]
fn r03_three_shortages_in_one_update_stop_sending_until_the_next() {
    let system = Scripted::default();
    let mut interface = bound(&system, UdpOptions::default());
    system.0.lock().sends = [Act::Fail(libc::ENOBUFS); 3].into();
    let batch = Batch::new(2);
    let congested: Vec<_> = (0..3).map(|_| send(&interface, &batch).congested).collect();
    assert_eq!(congested, [false, false, true]);

    let calls = system.0.lock().calls;
    let report = send(&interface, &batch);
    assert_eq!((report.done, report.congested), (0, true));
    assert_eq!(system.0.lock().calls, calls, "no system call was made");

    interface.maintain(Timestamp::ZERO).unwrap();
    assert_eq!(send(&interface, &batch).done, 2);
    assert_eq!(interface.statistics().send_errors, 3);
}

#[test]
fn an_interrupt_without_end_leaves_the_rest_to_the_next_update() {
    let system = Scripted::default();
    let interface = bound(&system, UdpOptions::default());
    system.0.lock().sends = [Act::Fail(libc::EINTR); 100].into();
    system.0.lock().receives = [Act::Fail(libc::EINTR); 100].into();
    let report = send(&interface, &Batch::new(2));
    assert_eq!((report.done, report.congested), (0, true));
    let mut batch = ReceiveBatch::new(16);
    assert_eq!(interface.receive(&mut batch), Received::Drained);
}

#[test]
fn a_device_without_segmentation_gets_datagrams_one_by_one_from_then_on() {
    for code in [libc::EIO, libc::EINVAL] {
        let system = Scripted::default();
        let interface = bound(&system, UdpOptions::default());
        assert!(interface.segments());
        system.0.lock().sends = [Act::Fail(code)].into();
        let batch = Batch::to_one_peer(8);
        let report = send(&interface, &batch);
        assert_eq!((report.done, report.faults.len()), (8, 0));
        assert_eq!(left(&system), (0..8).collect::<Vec<_>>());
        assert!(!interface.segments());
        send(&interface, &batch);
        assert!(!system.0.lock().left.iter().any(|(_, _, train)| *train));
    }
}

#[test]
fn a_train_beyond_the_path_goes_one_by_one_and_trains_go_on() {
    for code in [libc::EINVAL, libc::EMSGSIZE] {
        let system = Scripted::default();
        let interface = bound(&system, UdpOptions::default());
        let mut batch = Batch::to_one_peer(8);
        for (number, bytes) in batch.bytes.iter_mut().enumerate() {
            bytes.resize(1_400, u8::try_from(number).unwrap());
        }
        system.0.lock().sends = [Act::Fail(code), Act::Partly(1), Act::Fail(libc::EMSGSIZE)].into();
        let report = send(&interface, &batch);
        assert_eq!(report.faults, [(1, SendFault::TooLong)]);
        assert_eq!(left(&system), [0, 2, 3, 4, 5, 6, 7]);
        assert!(interface.segments());
        send(&interface, &batch);
        assert!(system.0.lock().left.last().unwrap().2);
    }
}

#[test]
fn an_unreachable_peer_fails_with_its_whole_train_and_alone() {
    let system = Scripted::default();
    let interface = bound(&system, UdpOptions::default());
    let mut batch = Batch::to_one_peer(5);
    batch.to[4] = NetworkEndpoint::loopback_ipv4(2000);
    system.0.lock().sends = [Act::Fail(libc::EHOSTUNREACH)].into();
    let report = send(&interface, &batch);
    let expected: Vec<_> = (0..4).map(|n| (n, SendFault::Unreachable)).collect();
    assert_eq!((report.done, report.faults), (5, expected));
    assert_eq!(left(&system), [4]);
}

#[test]
fn o5_a_transient_error_keeps_the_socket_and_a_fatal_one_makes_it_anew_once() {
    let system = Scripted::default();
    let mut interface = bound(&system, UdpOptions::default());
    let batch = Batch::new(1);
    for (update, code) in [libc::ENOBUFS, libc::EAGAIN, libc::ECONNREFUSED, libc::EPERM]
        .into_iter()
        .cycle()
        .take(80)
        .enumerate()
    {
        let now = Timestamp::from_micros(16_000 * u64::try_from(update).unwrap());
        interface.maintain(now).unwrap();
        system.0.lock().sends = [Act::Fail(code)].into();
        send(&interface, &batch);
    }
    assert_eq!(system.0.lock().opened.len(), 1);

    system.0.lock().sends = [Act::Fail(libc::EBADF)].into();
    send(&interface, &batch);
    for update in 0..10 {
        let now = Timestamp::from_micros(2_000_000 + 16_000 * update);
        interface.maintain(now).unwrap();
        assert_eq!(send(&interface, &batch).done, 1);
    }
    let opened = system.0.lock().opened.clone();
    assert_eq!(opened, [SocketAddr::from(([127, 0, 0, 1], 7777)); 2]);
    assert_eq!(interface.statistics().recreated, 1);
}

#[test]
fn r03_a_hundred_failing_updates_in_a_row_make_the_socket_anew() {
    let system = Scripted::default();
    let mut interface = bound(&system, UdpOptions::default());
    let batch = Batch::new(1);
    let failing = |interface: &mut UdpInterface, updates: u32| {
        for _ in 0..updates {
            interface.maintain(Timestamp::ZERO).unwrap();
            system.0.lock().sends = [Act::Fail(libc::ENOBUFS)].into();
            send(interface, &batch);
        }
    };
    failing(&mut interface, 99);
    // One that works starts the count over.
    interface.maintain(Timestamp::ZERO).unwrap();
    send(&interface, &batch);
    failing(&mut interface, 100);
    assert_eq!(interface.statistics().recreated, 0);
    interface.maintain(Timestamp::ZERO).unwrap();
    assert_eq!(interface.statistics().recreated, 1);
}

#[test]
fn r04_a_peer_that_cannot_be_reached_never_costs_the_socket() {
    let system = Scripted::default();
    let mut interface = bound(&system, UdpOptions::default());
    for _ in 0..1_000 {
        interface.maintain(Timestamp::ZERO).unwrap();
        system.0.lock().sends = [Act::Fail(libc::ECONNREFUSED)].into();
        send(&interface, &Batch::new(1));
    }
    assert_eq!(system.0.lock().opened.len(), 1);
}

#[test]
fn r03_a_socket_that_cannot_be_made_is_tried_for_with_growing_pauses_and_given_up() {
    let system = Scripted::default();
    let options = UdpOptions {
        socket_retry_max: 9,
        ..UdpOptions::default()
    };
    let mut interface = bound(&system, options);
    system.0.lock().receives = [Act::Fail(libc::EBADF)].into();
    system.0.lock().opens = vec![Act::Fail(libc::EADDRINUSE); 100].into();
    let mut batch = ReceiveBatch::new(16);
    assert_eq!(interface.receive(&mut batch), Received::Failed);

    let mut tries = Vec::new();
    let mut left = 100;
    let mut millis = 0;
    let lost = loop {
        match interface.maintain(Timestamp::from_micros(millis * 1_000)) {
            Ok(()) => {}
            Err(lost) => break lost,
        }
        let remaining = system.0.lock().opens.len();
        if remaining < left {
            left = remaining;
            tries.push(millis);
        }
        assert_eq!(interface.receive(&mut batch), Received::Failed);
        assert!(send(&interface, &Batch::new(1)).congested);
        millis += 10;
    };
    assert_eq!(
        tries,
        [0, 100, 300, 700, 1_500, 3_100, 6_300, 11_300, 16_300]
    );
    assert_eq!(lost.attempts, 9);
    assert_eq!(lost.source.unwrap().raw_os_error(), Some(libc::EADDRINUSE));
}

#[test]
fn r05_a_failed_bind_leaves_the_interface_unbound_and_reusable() {
    let system = Scripted::default();
    let mut interface = UdpInterface::with_system(UdpOptions::default(), Box::new(system.clone()));
    let endpoint = NetworkEndpoint::loopback_ipv4(7777);
    for (code, expected) in [
        (libc::EADDRINUSE, "in use"),
        (libc::EADDRNOTAVAIL, "not available"),
        (libc::EACCES, "no permission"),
        (libc::EMFILE, "too many open files"),
        (libc::ENFILE, "too many open files"),
        (libc::EAFNOSUPPORT, "family"),
        (libc::EIO, "failed"),
    ] {
        system.0.lock().opens = [Act::Fail(code)].into();
        let error = interface.bind(&endpoint).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(interface.local_endpoint(), NetworkEndpoint::Invalid);
    }
    interface.bind(&endpoint).unwrap();
    assert!(matches!(
        interface.bind(&endpoint),
        Err(BindError::AlreadyBound { local }) if local == endpoint
    ));
}

#[test]
fn an_unbound_interface_makes_no_call_and_no_error() {
    let mut interface = UdpInterface::new(UdpOptions::default());
    interface.maintain(Timestamp::ZERO).unwrap();
    let report = send(&interface, &Batch::new(1));
    assert_eq!((report.done, report.faults.len()), (0, 0));
    let mut batch = ReceiveBatch::new(16);
    assert_eq!(interface.receive(&mut batch), Received::Failed);
    assert!(!interface.wait(Duration::ZERO));
    assert_eq!(interface.statistics(), InterfaceStatistics::default());
}

#[test]
fn addresses_that_are_none_are_refused_without_a_call() {
    for path in [SystemPath::Auto, SystemPath::Portable] {
        let options = UdpOptions {
            path,
            ..UdpOptions::default()
        };
        let mut interface = UdpInterface::new(options);
        interface.bind(&NetworkEndpoint::loopback_ipv4(0)).unwrap();
        let mut batch = Batch::new(3);
        batch.to = vec![
            NetworkEndpoint::Invalid,
            NetworkEndpoint::Custom([7; 60]),
            NetworkEndpoint::loopback_ipv6(9),
        ];
        let report = send(&interface, &batch);
        assert_eq!(report.done, 3);
        assert_eq!(
            report.faults,
            [
                (0, SendFault::Refused),
                (1, SendFault::Refused),
                (2, SendFault::Unreachable)
            ]
        );
    }
}
