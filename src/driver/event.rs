//! Events: what happened to a connection, borrowed from the inbox it lies in.

use crate::buffer::inbox::{EventKind, RawEvent};
use crate::error::DisconnectReason;
use crate::id::NetworkPipeline;
use crate::stream::DataStreamReader;

/// Something that happened to a connection.
///
/// An event borrows the driver's front buffer, so it cannot be kept across the next update.
///
/// Source: Unity Transport `NetworkEvent`.
#[derive(Debug)]
#[non_exhaustive]
pub enum NetworkEvent<'a> {
    /// The connection this driver asked for is up. Servers never see it: they `accept`.
    Connect {
        /// The server's accept payload; empty without one.
        payload: &'a [u8],
    },
    /// A message.
    Data {
        /// The pipeline it came on.
        pipeline: NetworkPipeline,
        /// Its content.
        reader: DataStreamReader<'a>,
    },
    /// A pipeline whose reliable window was full when the application sent has room again. Follows
    /// every [`SendError::WindowFull`](crate::error::SendError::WindowFull), several of one update
    /// together.
    Writable {
        /// The pipeline.
        pipeline: NetworkPipeline,
    },
    /// The connection is over: the last event of it, exactly once. Never after a local `disconnect`.
    Disconnect {
        /// Why.
        reason: DisconnectReason,
    },
}

impl<'a> NetworkEvent<'a> {
    pub(crate) fn from_raw(raw: &RawEvent<'a>) -> Self {
        match raw.kind {
            EventKind::Data => Self::Data {
                pipeline: NetworkPipeline(raw.pipeline),
                reader: DataStreamReader::new(raw.payload),
            },
            EventKind::Connect => Self::Connect {
                payload: raw.payload,
            },
            EventKind::Writable => Self::Writable {
                pipeline: NetworkPipeline(raw.pipeline),
            },
            EventKind::Disconnect => Self::Disconnect {
                reason: DisconnectReason::from_code(raw.reason),
            },
        }
    }
}
