//! From the settings' words to those of handshakes.

use crate::secure::dtls::{
    ClientAuthentication, ClientConfig, ClientTrust, Common, ServerConfig, SuiteChoice,
};
use crate::settings::{self, NetworkSettings, SecureClient, SecureServer, SuitePreference};

/// Largest datagram of a handshake, in bytes: fits every path of today.
const MTU: usize = 1_200;

/// What a server's handshakes are told.
pub(super) fn server(server: &SecureServer, settings: &NetworkSettings) -> ServerConfig {
    let trust = |trust: &crate::crypto::Trust| ClientTrust {
        trust: trust.clone(),
        name: server.expected_client(),
    };
    let clients = match server.clients() {
        settings::ClientAuthentication::None => ClientAuthentication::None,
        settings::ClientAuthentication::Optional(whom) => {
            ClientAuthentication::Optional(trust(whom))
        }
        settings::ClientAuthentication::Required(whom) => {
            ClientAuthentication::Required(trust(whom))
        }
    };
    let suites = match server.preference() {
        SuitePreference::AsOffered => SuiteChoice::AsOffered,
        SuitePreference::ChaCha20First => SuiteChoice::ChaCha20First,
    };
    let mut config = ServerConfig::new(server.identity().clone());
    config.clients = clients;
    config.suites = suites;
    config.common = common(settings);
    #[cfg(feature = "key-log")]
    {
        config.common.key_log = server.key_log().cloned();
    }
    config
}

/// What a client's handshakes are told. None without a server's name and a trust, which `build`
/// refuses.
pub(super) fn client(client: &SecureClient, settings: &NetworkSettings) -> Option<ClientConfig> {
    let (trust, name) = client.expected_server()?;
    let mut config = ClientConfig::new(trust, name);
    config.identity = client.shown().cloned();
    config.common = common(settings);
    // A client has as long as all its connection attempts take: 10 s are for servers (R10), and on a
    // network that loses much they are not enough. Source: Unity Transport, handshake timeout maximum.
    let connection = settings.connection();
    config.common.timing.handshake = config
        .common
        .timing
        .handshake
        .max(connection.connect_timeout * connection.max_connect_attempts);
    #[cfg(feature = "key-log")]
    {
        config.common.key_log = client.key_log().cloned();
    }
    Some(config)
}

fn common(settings: &NetworkSettings) -> Common {
    Common {
        mtu: MTU.min(settings.connection().max_message_size),
        ..Common::default()
    }
}
