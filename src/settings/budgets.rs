//! Budgets: how much one update reads, and how many bytes are held for peers.
//!
//! Unity sizes its pools by packets, for the whole driver. Here pools grow to what traffic needs
//! and are bounded by bytes, for each connection and for all of them; Unity's capacities are caps
//! without a default on top.

use super::NetworkSettingsBuilder;
use super::range::{MOST, number};
use crate::error::SettingsError;

/// What happens to events the application did not pop before the next update.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnreadEvents {
    /// They stay, in order, up to the connection's byte budget.
    #[default]
    Keep,
    /// They are gone, as in Unity Transport, and are counted.
    Drop,
}

/// How much one update reads, and how many bytes are held for peers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Budgets {
    /// See [`NetworkSettingsBuilder::receive_queue_capacity`]; `None` is no cap.
    pub receive_queue_capacity: Option<usize>,
    /// See [`NetworkSettingsBuilder::send_queue_capacity`]; `None` is no cap.
    pub send_queue_capacity: Option<usize>,
    /// See [`NetworkSettingsBuilder::rx_budget`], in datagrams.
    pub rx_budget: usize,
    /// See [`NetworkSettingsBuilder::rx_budget_per_conn`], in datagrams.
    pub rx_budget_per_conn: usize,
    /// See [`NetworkSettingsBuilder::send_bytes_per_connection`].
    pub send_bytes_per_connection: usize,
    /// See [`NetworkSettingsBuilder::event_bytes_per_connection`].
    pub event_bytes_per_connection: usize,
    /// See [`NetworkSettingsBuilder::max_memory_per_connection`], in bytes.
    pub max_memory_per_connection: usize,
    /// See [`NetworkSettingsBuilder::max_memory_total`], in bytes.
    pub max_memory_total: usize,
    /// See [`NetworkSettingsBuilder::unread_events`].
    pub unread_events: UnreadEvents,
}

/// Budgets as the builder holds them: those nobody set follow from others.
#[derive(Clone, Debug)]
pub(super) struct BudgetChoices {
    receive_queue_capacity: Option<usize>,
    send_queue_capacity: Option<usize>,
    rx_budget: usize,
    rx_budget_per_conn: usize,
    send_bytes_per_connection: Option<usize>,
    event_bytes_per_connection: Option<usize>,
    max_memory_per_connection: usize,
    max_memory_total: usize,
    unread_events: UnreadEvents,
}

impl Default for BudgetChoices {
    fn default() -> Self {
        Self {
            receive_queue_capacity: None,
            send_queue_capacity: None,
            rx_budget: 4_096,
            rx_budget_per_conn: 128,
            send_bytes_per_connection: None,
            event_bytes_per_connection: None,
            max_memory_per_connection: 512 * 1024,
            max_memory_total: 1024 * 1024 * 1024,
            unread_events: UnreadEvents::Keep,
        }
    }
}

impl BudgetChoices {
    /// Fills in what nobody set.
    pub(super) fn resolve(&self) -> Budgets {
        let memory = self.max_memory_per_connection;
        Budgets {
            receive_queue_capacity: self.receive_queue_capacity,
            send_queue_capacity: self.send_queue_capacity,
            rx_budget: self.rx_budget,
            rx_budget_per_conn: self.rx_budget_per_conn,
            send_bytes_per_connection: self.send_bytes_per_connection.unwrap_or(memory / 4),
            event_bytes_per_connection: self.event_bytes_per_connection.unwrap_or(memory / 2),
            max_memory_per_connection: memory,
            max_memory_total: self.max_memory_total,
            unread_events: self.unread_events,
        }
    }
}

impl Default for Budgets {
    fn default() -> Self {
        BudgetChoices::default().resolve()
    }
}

impl Budgets {
    pub(super) fn check(&self) -> Result<(), SettingsError> {
        if let Some(value) = self.receive_queue_capacity {
            number("receive_queue_capacity", value, 1..=MOST, "packets")?;
        }
        if let Some(value) = self.send_queue_capacity {
            number("send_queue_capacity", value, 1..=MOST, "packets")?;
        }
        let per_conn = self.rx_budget_per_conn;
        number("rx_budget", self.rx_budget, 1..=MOST, "datagrams")?;
        number("rx_budget_per_conn", per_conn, 1..=MOST, "datagrams")?;
        // Memory first: what follows from it is in range whenever it is.
        let memory = self.max_memory_per_connection;
        number("max_memory_per_connection", memory, 8_192..=MOST, "bytes")?;
        number(
            "send_bytes_per_connection",
            self.send_bytes_per_connection,
            2_048..=536_870_912,
            "bytes",
        )?;
        number(
            "event_bytes_per_connection",
            self.event_bytes_per_connection,
            2_048..=1_073_741_824,
            "bytes",
        )?;
        number(
            "max_memory_total",
            self.max_memory_total,
            1_048_576..=usize::MAX / 2,
            "bytes",
        )?;
        self.check_sums()
    }

    fn check_sums(&self) -> Result<(), SettingsError> {
        let queues = self
            .send_bytes_per_connection
            .saturating_add(self.event_bytes_per_connection);
        if queues > self.max_memory_per_connection {
            return Err(SettingsError {
                field: "max_memory_per_connection",
                value: format!("{} bytes", self.max_memory_per_connection),
                allowed: format!(
                    "at least send_bytes_per_connection + event_bytes_per_connection ({queues} bytes)"
                ),
            });
        }
        if self.max_memory_per_connection > self.max_memory_total {
            return Err(SettingsError {
                field: "max_memory_total",
                value: format!("{} bytes", self.max_memory_total),
                allowed: format!(
                    "at least max_memory_per_connection ({} bytes)",
                    self.max_memory_per_connection
                ),
            });
        }
        Ok(())
    }
}

/// Queues and memory.
impl NetworkSettingsBuilder {
    /// Most datagrams received in one update, whoever sent them.
    ///
    /// A number here is only a cap, nothing is allocated for it; the smaller of it and
    /// [`rx_budget`](Self::rx_budget) applies.
    ///
    /// Unit: datagrams. Default: no cap (Unity: 512, too few for 1,000 clients). Range: 1 to
    /// 2147483647.
    /// Source: Unity Transport `NetworkConfigParameter.receiveQueueCapacity`.
    #[doc(alias = "receiveQueueCapacity")]
    pub fn receive_queue_capacity(mut self, packets: usize) -> Self {
        self.budgets.receive_queue_capacity = Some(packets);
        self
    }

    /// Most datagrams that wait for the socket, whoever they are for.
    ///
    /// A number here is only a cap, nothing is allocated for it, and one noisy connection can use
    /// it up for all. Without it each connection has its own byte budget.
    ///
    /// Unit: datagrams. Default: no cap (Unity: 512). Range: 1 to 2147483647.
    /// Source: Unity Transport `NetworkConfigParameter.sendQueueCapacity`.
    #[doc(alias = "sendQueueCapacity")]
    pub fn send_queue_capacity(mut self, packets: usize) -> Self {
        self.budgets.send_queue_capacity = Some(packets);
        self
    }

    /// Most datagrams one update takes from the socket; the rest stays in the kernel.
    ///
    /// Unit: datagrams. Default: 4096. Range: 1 to 2147483647.
    /// Source: drumfire, so that a flood cannot make an update endless.
    pub fn rx_budget(mut self, datagrams: usize) -> Self {
        self.budgets.rx_budget = datagrams;
        self
    }

    /// Most datagrams of one connection that one update works on.
    ///
    /// Unit: datagrams. Default: 128. Range: 1 to 2147483647.
    /// Source: drumfire, so that one peer cannot take the update of all others.
    pub fn rx_budget_per_conn(mut self, datagrams: usize) -> Self {
        self.budgets.rx_budget_per_conn = datagrams;
        self
    }

    /// Most bytes of one connection that wait to be sent; beyond it sends end in `QueueFull`.
    ///
    /// Unit: bytes. Default: a quarter of `max_memory_per_connection` (128 KiB). Range: 2048 to
    /// 536870912, and together with `event_bytes_per_connection` at most
    /// `max_memory_per_connection`.
    /// Source: drumfire; Unity has one pool for all connections.
    pub fn send_bytes_per_connection(mut self, bytes: usize) -> Self {
        self.budgets.send_bytes_per_connection = Some(bytes);
        self
    }

    /// Most bytes of one connection that wait to be popped.
    ///
    /// Beyond it reliable data is not acknowledged, so the peer sends it again; unreliable data is
    /// dropped and counted.
    ///
    /// Unit: bytes. Default: half of `max_memory_per_connection` (256 KiB). Range: 2048 to
    /// 1073741824, and together with `send_bytes_per_connection` at most
    /// `max_memory_per_connection`.
    /// Source: drumfire; Unity grows the store of all connections to the largest burst of one.
    pub fn event_bytes_per_connection(mut self, bytes: usize) -> Self {
        self.budgets.event_bytes_per_connection = Some(bytes);
        self
    }

    /// Most bytes held for one connection: queues, windows, reassembly and events together.
    ///
    /// Pipelines that need more raise it to their need. Nothing of it is allocated up front.
    ///
    /// Unit: bytes. Default: 524288 (512 KiB). Range: 8192 to 2147483647.
    /// Source: drumfire.
    pub fn max_memory_per_connection(mut self, bytes: usize) -> Self {
        self.budgets.max_memory_per_connection = bytes;
        self
    }

    /// Most bytes held for all connections together.
    ///
    /// The default gives 10,000 connections 100 KiB each, or 2,048 of them their full share. As it is
    /// used up, each connection may hold less: a quarter of what is free in each of its queues, so
    /// those who hold much are refused first; an eighth of it is kept for those who hold little.
    /// Refused means: unreliable data is dropped and counted, reliable data is not acknowledged, and
    /// sends end in `SendError::MemoryFull`. What one update brings may exceed it until the next.
    /// Nothing of it is allocated up front.
    ///
    /// Unit: bytes. Default: 1073741824 (1 GiB). Range: 1048576 to half of the address space, and at
    /// least `max_memory_per_connection`.
    /// Source: drumfire.
    pub fn max_memory_total(mut self, bytes: usize) -> Self {
        self.budgets.max_memory_total = bytes;
        self
    }

    /// Whether events that were not popped live on when the next update brings new ones.
    ///
    /// Unit: none. Default: `Keep`. Range: `Keep`, `Drop`.
    /// Source: drumfire; Unity Transport clears its event queue with every update.
    pub fn unread_events(mut self, value: UnreadEvents) -> Self {
        self.budgets.unread_events = value;
        self
    }
}
