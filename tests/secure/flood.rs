//! Floods of hellos that have a cookie, and the players in between (R11).

use drumfire::settings::LoopbackLimits;

use crate::hellos::with_cookie;
use crate::identities::{rsa_client, rsa_server};
use crate::scaled;
use crate::strangers::{address, hello};
use crate::support::{Event, SERVER, World};

/// The cause behind the figure: signatures are rationed, whatever comes; who is there is answered in
/// every tick; and who comes anew gets in.
#[test]
fn r11_sign_flood_signatures_are_rationed_and_nobody_else_notices() {
    let (sources, live, fresh) = (scaled(2_000, 200), scaled(100, 20), scaled(100, 10));
    let (seconds, rate) = (scaled(30, 4), scaled(500, 50));
    let rate = u32::try_from(rate).unwrap();
    let mut world = World::with(
        live + fresh,
        rsa_server()
            .handshake_rate(rate)
            .limit_loopback(LoopbackLimits::Exempt),
        rsa_client(),
    );
    let connections: Vec<_> = (0..live).map(|index| (index, world.start(index))).collect();
    world.drive_until(400, |world| {
        connections.iter().all(|(index, connection)| {
            world.clients[*index].driver.connection_state(*connection)
                == drumfire::ConnectionState::Connected
        })
    });
    world.run(3);
    let theirs = world.server.accept_all();
    assert_eq!(theirs.len(), live);
    for (index, connection) in &connections {
        world.clients[*index].events_of(*connection);
    }

    // Cookies for everybody, honestly come by.
    let hello = hello();
    let peers: Vec<_> = (0..sources)
        .map(|number| world.net.peer(address(u32::try_from(number).unwrap())))
        .collect();
    for peer in &peers {
        peer.send(SERVER, &hello);
    }
    world.run(2);
    let hellos: Vec<Vec<u8>> = peers
        .iter()
        .map(|peer| with_cookie(&hello, &peer.receive()[0]))
        .collect();

    let before = world.server.driver.statistics().handshakes;
    let a_tick = sources * 5 / 2 / 62;
    let mut next = 0;
    let mut arriving: Vec<_> = Vec::new();
    let mut echoes = 0;
    let ticks = seconds * 1_000 / 16;
    for tick in 0..ticks {
        for _ in 0..a_tick {
            peers[next % sources].send(SERVER, &hellos[next % sources]);
            next += 1;
        }
        if tick == ticks / 4 {
            arriving = (live..live + fresh)
                .map(|index| (index, world.start(index)))
                .collect();
        }
        for (index, connection) in &connections {
            world.clients[*index].send(*connection, b"on").unwrap();
        }
        world.tick();
        let _ = world.server.accept_all();
        for connection in &theirs {
            let events = world.server.events_of(*connection);
            assert!(
                events.iter().all(|event| *event == Event::data(b"on")),
                "{events:?}"
            );
            echoes += events.len();
        }
    }
    // Not one message of a live connection came late.
    assert_eq!(echoes, ticks * live);
    let statistics = world.server.driver.statistics().handshakes;
    let signed = statistics.signatures - before.signatures;
    let allowed = u64::from(rate) * u64::try_from(seconds + 3).unwrap();
    assert!(signed <= allowed, "{signed} signatures, {allowed} allowed");
    assert!(statistics.rationed > 0, "{statistics:?}");

    // Ten seconds from their start.
    arriving.retain(|(index, connection)| world.clients[*index].events_of(*connection).is_empty());
    let patience = (10_000 / 16_usize).saturating_sub(3 * ticks / 4);
    for _ in 0..patience {
        for _ in 0..a_tick {
            peers[next % sources].send(SERVER, &hellos[next % sources]);
            next += 1;
        }
        world.tick();
        arriving
            .retain(|(index, connection)| world.clients[*index].events_of(*connection).is_empty());
        if arriving.is_empty() {
            break;
        }
    }
    assert!(
        arriving.len() * 100 <= fresh,
        "{} of {fresh} not in after ten seconds",
        arriving.len()
    );
}
