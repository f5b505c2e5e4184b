//! Unity's jobified sample: an accept job and a parallel job for every connection, chained behind
//! the update. The game thread does nothing but schedule and complete.
//!
//! `cargo run --release --example jobified_client_server`

#![expect(clippy::print_stdout, reason = "an example tells what it does")]

use std::error::Error;
use std::time::Duration;

use drumfire::{
    Concurrent, ConnectionPort, NetworkDriver, NetworkEvent, NetworkPipeline, NetworkSettings,
};

const CLIENTS: usize = 50;

/// What the jobs carry from one to the next, and home.
#[derive(Default)]
struct ServerJobs {
    accepted: usize,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut server = NetworkDriver::new(NetworkSettings::plain())?;
    server.bind("127.0.0.1:0".parse()?)?;
    server.listen()?;
    let mut client = NetworkDriver::new(NetworkSettings::plain())?;
    for _ in 0..CLIENTS {
        client.connect(server.local_endpoint())?;
    }

    let mut jobs = ServerJobs::default();
    let mut answers = 0;
    while answers < CLIENTS {
        // Schedule: the update, then the accept job, then the parallel job. Their sends leave
        // without the game thread.
        let handle = server
            .schedule_update()
            .then(move |(), view| accept(jobs, view))
            .then(serve);

        // The game thread is free here; this one plays the clients.
        client.wait(Duration::from_millis(1));
        client.update();
        client.to_concurrent().for_each(ask);
        answers = client.connections().count() - waiting(&mut client);

        jobs = handle.complete();
    }
    println!("{} connections accepted, {answers} answered", jobs.accepted);
    Ok(())
}

fn accept(mut jobs: ServerJobs, view: &mut Concurrent<'_>) -> ServerJobs {
    while view.accept().is_some() {
        jobs.accepted += 1;
    }
    jobs
}

fn serve(jobs: ServerJobs, view: &mut Concurrent<'_>) -> ServerJobs {
    view.for_each(|mut port| {
        let (mut events, mut sender) = port.split();
        while let Some(event) = events.pop_event() {
            if let NetworkEvent::Data {
                pipeline,
                mut reader,
            } = event
                && let Ok(mut answer) = sender.begin_send(pipeline)
            {
                answer.write_uint(reader.read_uint() + 2);
                // A full outbox would refuse; the client asks again.
                let _ = answer.end_send();
            }
        }
    });
    jobs
}

/// Asks once connected; leaves when answered.
fn ask(mut port: ConnectionPort<'_>) {
    let (mut connected, mut answered) = (false, false);
    while let Some(event) = port.pop_event() {
        match event {
            NetworkEvent::Connect { .. } => connected = true,
            NetworkEvent::Data { mut reader, .. } => answered = reader.read_uint() == 3,
            _ => {}
        }
    }
    if connected && let Ok(mut question) = port.begin_send(NetworkPipeline::NULL) {
        question.write_uint(1);
        let _ = question.end_send();
    }
    if answered {
        port.disconnect();
    }
}

/// Clients that have not been answered yet.
fn waiting(client: &mut NetworkDriver) -> usize {
    let connections: Vec<_> = client.connections().collect();
    connections
        .into_iter()
        .filter(|connection| {
            client.connection_state(*connection) != drumfire::ConnectionState::Disconnected
        })
        .count()
}
