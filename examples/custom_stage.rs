//! A pipeline stage of one's own: it marks each packet with a number, counts the gaps, and squeezes
//! runs of zeros out of the payload.
//!
//! `cargo run --example custom_stage`

#![expect(clippy::print_stdout, reason = "an example tells what it does")]

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use drumfire::pipeline::{PipelineStage, StageAction, StageContext, StageError, StagePacket};
use drumfire::{NetworkDriver, NetworkEvent, NetworkSettings, StageId};

/// What all connections' copies of the stage count.
#[derive(Debug, Default)]
struct Counts {
    bytes: AtomicUsize,
    squeezed: AtomicUsize,
}

#[derive(Debug, Default)]
struct Squeeze {
    counts: Arc<Counts>,
    next_out: u16,
    next_in: u16,
}

impl PipelineStage for Squeeze {
    fn name(&self) -> &str {
        "Squeeze"
    }

    fn header_capacity(&self) -> usize {
        2
    }

    /// Each connection has a stage of its own; only the counts are shared.
    fn for_connection(&self) -> Box<dyn PipelineStage> {
        Box::new(Self {
            counts: self.counts.clone(),
            ..Self::default()
        })
    }

    fn send(
        &mut self,
        packet: &mut StagePacket,
        _: &mut StageContext,
    ) -> Result<StageAction, StageError> {
        let squeezed = squeeze(packet.bytes());
        self.counts.bytes.fetch_add(packet.bytes().len(), Relaxed);
        self.counts.squeezed.fetch_add(squeezed.len(), Relaxed);
        packet.replace(&squeezed);
        packet.push_header(&self.next_out.to_le_bytes())?;
        self.next_out = self.next_out.wrapping_add(1);
        Ok(StageAction::Pass)
    }

    fn receive(
        &mut self,
        packet: &mut StagePacket,
        _: &mut StageContext,
    ) -> Result<StageAction, StageError> {
        let number = u16::from_le_bytes(packet.take_header()?);
        if number != self.next_in {
            println!("stage: {} was expected, {number} came", self.next_in);
        }
        self.next_in = number.wrapping_add(1);
        let whole =
            unsqueeze(packet.bytes()).ok_or_else(|| StageError::new("cut in the middle"))?;
        packet.replace(&whole);
        Ok(StageAction::Pass)
    }
}

/// Each run of zeros becomes a zero and its length.
fn squeeze(bytes: &[u8]) -> Vec<u8> {
    let mut squeezed = Vec::new();
    let mut rest = bytes;
    while let Some((&first, behind)) = rest.split_first() {
        squeezed.push(first);
        rest = behind;
        if first == 0 {
            let run = rest.iter().take(254).take_while(|byte| **byte == 0).count();
            squeezed.push(u8::try_from(run + 1).unwrap_or(u8::MAX));
            rest = rest.get(run..).unwrap_or_default();
        }
    }
    squeezed
}

fn unsqueeze(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    let mut rest = bytes.iter();
    while let Some(&byte) = rest.next() {
        let run = if byte == 0 { *rest.next()? } else { 1 };
        whole.extend(std::iter::repeat_n(byte, run.into()));
    }
    Some(whole)
}

fn main() -> Result<(), Box<dyn Error>> {
    let counts = Arc::new(Counts::default());
    let pipeline = |driver: &mut NetworkDriver| -> Result<_, Box<dyn Error>> {
        let squeeze = driver.register_pipeline_stage(Squeeze {
            counts: counts.clone(),
            ..Squeeze::default()
        })?;
        // What comes last in the list is nearest to the wire.
        Ok(driver.create_pipeline(&[squeeze, StageId::ReliableSequenced])?)
    };
    let mut server = NetworkDriver::new(NetworkSettings::plain())?;
    pipeline(&mut server)?;
    server.bind("127.0.0.1:0".parse()?)?;
    server.listen()?;
    let mut client = NetworkDriver::new(NetworkSettings::plain())?;
    let squeezed = pipeline(&mut client)?;
    let connection = client.connect(server.local_endpoint())?;

    let messages: Vec<Vec<u8>> = (1..=10)
        .map(|number| [vec![number], vec![0; 900]].concat())
        .collect();
    let (mut connected, mut received) = (false, Vec::new());
    while received.len() < messages.len() {
        client.update();
        while let Some((_, event)) = client.pop_event() {
            connected |= matches!(event, NetworkEvent::Connect { .. });
        }
        if std::mem::take(&mut connected) {
            for message in &messages {
                let mut writer = client.begin_send_with(squeezed, connection, message.len())?;
                writer.write_bytes(message);
                writer.end_send()?;
            }
        }
        server.wait(Duration::from_millis(1));
        server.update();
        while server.accept().is_some() {}
        while let Some((_, event)) = server.pop_event() {
            if let NetworkEvent::Data { mut reader, .. } = event {
                received.push(reader.read_slice(reader.length()).to_vec());
            }
        }
    }
    if received != messages {
        return Err("what arrived is not what was sent".into());
    }
    let (bytes, squeezed) = (counts.bytes.load(Relaxed), counts.squeezed.load(Relaxed));
    println!("{bytes} bytes of messages arrived whole and took {squeezed} on the wire");
    Ok(())
}
