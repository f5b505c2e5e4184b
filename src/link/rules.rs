//! The settings as a link reads them.

use std::time::Duration;

use super::Rules;
use crate::settings::{AddressValidation, LegacyValidation, PathMtuDiscovery};
use crate::wire::connection::{DATA_HEADER_LEN, HANDSHAKE_HEADER_LEN, MIN_PATH_MTU};

/// Largest accept payload that fits the budget of a bare request (R20).
const SMALL_ACCEPT_PAYLOAD: usize = 24;

impl Rules {
    /// Largest datagram, what the layers below add included.
    #[inline]
    pub(super) fn max_message_size(&self) -> u16 {
        u16::try_from(self.settings.connection().max_message_size).unwrap_or(u16::MAX)
    }

    pub(super) fn connect_timeout(&self) -> Duration {
        self.settings.connection().connect_timeout
    }

    pub(super) fn max_connect_attempts(&self) -> u32 {
        self.settings.connection().max_connect_attempts
    }

    /// None is never.
    pub(super) fn disconnect_timeout(&self) -> Option<Duration> {
        self.settings.connection().disconnect_timeout
    }

    /// None is off.
    pub(super) fn heartbeat_timeout(&self) -> Option<Duration> {
        self.settings.connection().heartbeat_timeout
    }

    /// Copies of a Disconnect, the first included.
    pub(super) fn disconnect_copies(&self) -> u8 {
        self.settings.connection().disconnect_copies
    }

    /// Whether there is anything to find out about a path's size.
    pub(super) fn discovers(&self) -> bool {
        self.settings.connection().path_mtu_discovery == PathMtuDiscovery::On
            && usize::from(self.max_message_size()) > MIN_PATH_MTU
    }

    /// Whether a peer must prove its address to the link: under a handshake it has done so already.
    pub(super) fn validates(&self) -> bool {
        self.settings.limits().address_validation == AddressValidation::On
            && !self.settings.security().is_secure()
    }

    /// Whether the application may vouch for an address.
    pub(super) fn trusts_application(&self) -> bool {
        self.settings.limits().legacy_validation == LegacyValidation::Allowed
    }

    pub(super) fn waiting_for_accept_lifetime(&self) -> Duration {
        self.settings.limits().waiting_for_accept_lifetime
    }

    pub(super) fn moves_per_minute(&self) -> usize {
        usize::try_from(self.settings.limits().path_moves_per_minute).unwrap_or(usize::MAX)
    }

    /// Bytes a data packet on a path of that size has for stage headers and payload. A peer drops
    /// what is larger than its maximum without a word.
    #[inline]
    pub(super) fn room(&self, path_mtu: u16) -> usize {
        let packet = usize::from(path_mtu.min(self.max_message_size()));
        packet.saturating_sub(DATA_HEADER_LEN + usize::from(self.padding))
    }

    /// Bytes that the pipelines of one connection may hold: what its queues leave of its memory, or
    /// what the pipelines need, if that is more; less where memory is short (R29).
    #[inline]
    pub(super) fn pipeline_memory(&self) -> usize {
        let budgets = self.settings.budgets();
        let queues = budgets.send_bytes_per_connection + budgets.event_bytes_per_connection;
        let left = budgets.max_memory_per_connection.saturating_sub(queues);
        self.memory.of(left.max(self.pipelines.memory_need()))
    }

    /// Longest wait for an acknowledgement; none is for ever.
    pub(super) fn reliable_stall_timeout(&self) -> Option<Duration> {
        self.settings.limits().reliable_stall_timeout
    }

    /// Bytes of events one connection may leave unread; less where memory is short (R29).
    #[inline]
    pub(super) fn event_budget(&self) -> usize {
        self.memory
            .of(self.settings.budgets().event_bytes_per_connection)
    }

    /// Bytes of an accept.
    pub(super) fn accept_len(&self) -> usize {
        match self.accept_payload.len() {
            0 => HANDSHAKE_HEADER_LEN,
            len => HANDSHAKE_HEADER_LEN + 2 + len,
        }
    }

    /// Whether accepts go out over the budget of unproven addresses: a payload this large can be
    /// configured with `dangerous_large_accept_payload` alone.
    pub(super) fn has_large_accept(&self) -> bool {
        self.accept_payload.len() > SMALL_ACCEPT_PAYLOAD
    }

    /// Most accepts that requests for one token cause in a second (R20).
    pub(super) fn accepts_per_second(&self) -> u8 {
        if self.has_large_accept() && self.validates() {
            1
        } else {
            3
        }
    }
}
