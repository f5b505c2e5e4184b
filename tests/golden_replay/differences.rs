//! The table of differences: all that our driver does otherwise than the recorded peers, and why.
//!
//! A row that is no difference any more fails its test, as does a difference without a row. The same
//! rows stand in `docs/unity.md`.

use crate::recording::Role::{self, Client, Server};

/// Where our driver differs in one scenario, in one role, for one reason. `what` is in the words of
/// [`differences`](crate::replay::differences).
pub(crate) struct Difference {
    pub(crate) scenario: &'static str,
    pub(crate) role: Role,
    pub(crate) what: &'static [&'static str],
    pub(crate) why: &'static str,
}

const ACCEPT_IN_FRONT: &str = "until the client has spoken, an accept goes in front of every batch: without one, a lost accept kills it";
const QUIET_UNTIL_HEARD: &str =
    "no heartbeat before the client has spoken: one that overtakes the accept kills it";
const ACCEPT_IMPLIED: &str =
    "a message implies the accept: the connection lives where a stock client dies";
const PROBES_WAIT: &str =
    "size probes wait until the client has spoken: one that overtakes the accept kills it";
const NOT_LISTENING: &str =
    "a driver that does not listen turns a client away at once, instead of accepting it first";
const BROKEN_REQUEST: &str =
    "a request with a wrong length is dropped: a stock server makes it a connection of its own";
const DEAD_PORT: &str =
    "sent as recorded, but the recorder does not keep what goes to the dead port";

const ASSEMBLED_OUT_OF_ORDER: &str = "fragments are put together in whatever order they arrive: packet 2, the first of its message, comes last";
const FORGED_ACK_IGNORED: &str = "the injected packet 2 makes the server acknowledge a number the client uses for packet 4 only later: Unity believes it and forgets the message, here it is sent until it is acknowledged";
const FLUSHED_EARLIER: &str = "the replay flushes what Unity sends with the update, so the last packet counts as sent 10 ms earlier";

pub(crate) const DIFFERENCES: &[Difference] = &[
    Difference {
        scenario: "accept_dup_after_connect",
        role: Server,
        what: &["+t5 accept"],
        why: ACCEPT_IN_FRONT,
    },
    Difference {
        scenario: "connect_accept_lost_data_first",
        role: Server,
        what: &["+t2 accept"],
        why: ACCEPT_IN_FRONT,
    },
    Difference {
        scenario: "connect_accept_lost_then_reaccept_data",
        role: Server,
        what: &["+t2 accept"],
        why: ACCEPT_IN_FRONT,
    },
    Difference {
        scenario: "connect_accept_lost_defaults",
        role: Server,
        what: &["-#2 heartbeat", "+t52 heartbeat"],
        why: QUIET_UNTIL_HEARD,
    },
    Difference {
        scenario: "connect_accept_lost_data_first",
        role: Client,
        what: &["-#3 disconnect", "+t3 event Connect", "+t3 event Data"],
        why: ACCEPT_IMPLIED,
    },
    Difference {
        scenario: "connect_accept_lost_heartbeat_first",
        role: Client,
        what: &[
            "-#3 disconnect",
            "+t2 event Connect",
            "-t10 event state",
            "+t10 event state",
        ],
        why: ACCEPT_IMPLIED,
    },
    Difference {
        scenario: "connect_accept_lost_defaults",
        role: Client,
        what: &[
            "-#4 disconnect",
            "+t52 event Connect",
            "+t103 heartbeat",
            "+t154 heartbeat",
            "+t205 heartbeat",
            "-t250 event state",
            "+t250 event state",
        ],
        why: ACCEPT_IMPLIED,
    },
    Difference {
        scenario: "pmtud",
        role: Server,
        what: &[
            "-#2 mtu check",
            "-#3 mtu check",
            "-#4 mtu check",
            "-#5 mtu check",
            "+t1 mtu check",
            "+t1 mtu check",
            "+t1 mtu check",
            "+t1 mtu check",
        ],
        why: PROBES_WAIT,
    },
    Difference {
        scenario: "pmtud_limited",
        role: Server,
        what: &[
            "-#2 mtu check",
            "-#3 mtu check",
            "-#4 mtu check",
            "-#5 mtu check",
            "+t1 mtu check",
            "+t1 mtu check",
            "+t1 mtu check",
            "+t1 mtu check",
            "-#14 mtu check",
            "-#15 mtu check",
            "-#16 mtu check",
            "-#17 mtu check",
            "+t32 mtu check",
            "+t32 mtu check",
            "+t32 mtu check",
            "+t32 mtu check",
            "-t62 event Accept",
            "+t63 event Accept",
        ],
        why: PROBES_WAIT,
    },
    Difference {
        scenario: "invalid_packets",
        role: Server,
        what: &[
            "-#13 request",
            "-t12 event Connect",
            "-t13 event Disconnect",
        ],
        why: BROKEN_REQUEST,
    },
    Difference {
        scenario: "address_migration",
        role: Server,
        what: &["+t8 data to the dead port"],
        why: DEAD_PORT,
    },
    Difference {
        scenario: "invalid_packets",
        role: Client,
        what: &["-#14 accept", "-#20 disconnect", "+t12 disconnect"],
        why: NOT_LISTENING,
    },
    Difference {
        scenario: "address_migration",
        role: Server,
        what: &["+t3 accept"],
        why: ACCEPT_IN_FRONT,
    },
    Difference {
        scenario: "frag_reorder",
        role: Server,
        what: &["+t4 event Data"],
        why: ASSEMBLED_OUT_OF_ORDER,
    },
    Difference {
        scenario: "trunc_02000000000000ffffffffffff",
        role: Client,
        what: &["+t12 data", "+t19 data"],
        why: FORGED_ACK_IGNORED,
    },
    Difference {
        scenario: "trunc_0209000000000000000000000000",
        role: Client,
        what: &["+t12 data", "+t19 data"],
        why: FORGED_ACK_IGNORED,
    },
    Difference {
        scenario: "reliable_reorder",
        role: Client,
        what: &["+t56 heartbeat", "-#12 heartbeat"],
        why: FLUSHED_EARLIER,
    },
];
