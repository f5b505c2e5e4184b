//! One cell of the matrix: who speaks to whom, with which certificate and suite, over what network.

use std::fmt;
use std::path::PathBuf;

/// Another implementation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Who {
    OpenSsl,
    GnuTls,
    MbedTls,
    /// Does ECDSA only, and checks neither names nor CAs.
    Dimpl,
}

/// What we are; the other is the opposite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum We {
    Server,
    Client,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    Ecdsa,
    Rsa,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cipher {
    ChaCha20,
    Aes256,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Network {
    Clean,
    /// Drops, doubles and delays a fifth of all datagrams each.
    Lossy,
    /// Clean; what it carries is kept, and both sides write their keys.
    Taped,
}

/// What is wrong, in cells that must be refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    None,
    /// The client expects another name.
    Name,
    /// The client believes another CA.
    Ca,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) who: Who,
    pub(crate) we: We,
    pub(crate) key: Key,
    pub(crate) cipher: Cipher,
    /// Whether the client shows a certificate, and the server requires it.
    pub(crate) mutual: bool,
    pub(crate) network: Network,
    pub(crate) mtu: usize,
    pub(crate) fault: Fault,
}

/// All cells of a network; with a clean one, those that must be refused as well.
pub(crate) fn cells(network: Network) -> Vec<Cell> {
    let mut cells = Vec::new();
    for who in [Who::OpenSsl, Who::GnuTls, Who::MbedTls, Who::Dimpl] {
        for we in [We::Server, We::Client] {
            let sound = Cell {
                who,
                we,
                key: Key::Ecdsa,
                cipher: Cipher::ChaCha20,
                mutual: false,
                network,
                mtu: 1_400,
                fault: Fault::None,
            };
            cells.extend(variants(sound));
            // dimpl judges no certificate, so as a client it refuses none.
            if network == Network::Clean && (who, we) != (Who::Dimpl, We::Server) {
                cells.extend([Fault::Name, Fault::Ca].map(|fault| Cell { fault, ..sound }));
            }
        }
    }
    cells
}

fn variants(sound: Cell) -> Vec<Cell> {
    let mut cells = Vec::new();
    for key in [Key::Ecdsa, Key::Rsa] {
        if (sound.who, key) == (Who::Dimpl, Key::Rsa) {
            continue;
        }
        for cipher in [Cipher::ChaCha20, Cipher::Aes256] {
            for mutual in [false, true] {
                for mtu in [1_400, 300] {
                    cells.push(Cell {
                        key,
                        cipher,
                        mutual,
                        mtu,
                        ..sound
                    });
                }
            }
        }
    }
    cells
}

impl Cell {
    /// A file of `certs/` of the cell's kind of key: `file("server.pem")`.
    pub(crate) fn file(&self, name: &str) -> String {
        let kind = match self.key {
            Key::Ecdsa => "ecdsa",
            Key::Rsa => "rsa",
        };
        format!("{}/certs/{kind}-{name}", env!("CARGO_MANIFEST_DIR"))
    }

    /// A file made of this cell, under a name of its own.
    pub(crate) fn made(&self, name: &str) -> PathBuf {
        let name = format!("{:?}-{}-{name}", self.cipher, self.mtu);
        PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
    }

    /// The CA that the client believes.
    pub(crate) fn server_ca(&self) -> String {
        match self.fault {
            Fault::Ca => self.file("client-ca.pem"),
            Fault::None | Fault::Name => self.file("server-ca.pem"),
        }
    }

    /// The name that the client expects.
    pub(crate) fn server_name(&self) -> &'static str {
        match self.fault {
            Fault::Name => "other.drumfire.test",
            Fault::None | Fault::Ca => "server.drumfire.test",
        }
    }

    /// The suite, as the registry of the IANA calls it.
    pub(crate) fn suite(&self) -> String {
        let key = match self.key {
            Key::Ecdsa => "ECDSA",
            Key::Rsa => "RSA",
        };
        let rest = match self.cipher {
            Cipher::ChaCha20 => "CHACHA20_POLY1305_SHA256",
            Cipher::Aes256 => "AES_256_GCM_SHA384",
        };
        format!("TLS_ECDHE_{key}_WITH_{rest}")
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:<8} {:<12} {:<6} {:<9} {:<7} {:<6} {:>5}  {}",
            format!("{:?}", self.who),
            match self.we {
                We::Server => "as a client",
                We::Client => "as a server",
            },
            format!("{:?}", self.key),
            format!("{:?}", self.cipher),
            if self.mutual { "mutual" } else { "server" },
            format!("{:?}", self.network),
            self.mtu,
            match self.fault {
                Fault::None => "",
                Fault::Name => "wrong name",
                Fault::Ca => "wrong CA",
            }
        )
    }
}
