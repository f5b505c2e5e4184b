//! Hellos and shares as values, so that a case can change one field of an honest one.
//!
//! Source: RFC 6347 §4.2.1, RFC 5246 §7.4, RFC 8422 §5.

use crate::wire::{u16_at, vector8, vector16};

pub(crate) const HELLO_REQUEST: u8 = 0;
pub(crate) const CLIENT_HELLO: u8 = 1;
pub(crate) const SERVER_HELLO: u8 = 2;
pub(crate) const HELLO_VERIFY_REQUEST: u8 = 3;
pub(crate) const CERTIFICATE: u8 = 11;
pub(crate) const SERVER_KEY_EXCHANGE: u8 = 12;
pub(crate) const CERTIFICATE_REQUEST: u8 = 13;
pub(crate) const SERVER_HELLO_DONE: u8 = 14;
pub(crate) const CERTIFICATE_VERIFY: u8 = 15;
pub(crate) const CLIENT_KEY_EXCHANGE: u8 = 16;
pub(crate) const FINISHED: u8 = 20;

pub(crate) const SERVER_NAME: u16 = 0;
pub(crate) const SUPPORTED_GROUPS: u16 = 10;
pub(crate) const EC_POINT_FORMATS: u16 = 11;
pub(crate) const SIGNATURE_ALGORITHMS: u16 = 13;
pub(crate) const EXTENDED_MASTER_SECRET: u16 = 23;
pub(crate) const RENEGOTIATION_INFO: u16 = 0xFF01;

/// Extensions in order, whatever is in them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extensions(pub(crate) Vec<(u16, Vec<u8>)>);

impl Extensions {
    /// Replaces the data of an extension, or adds it.
    pub(crate) fn set(&mut self, kind: u16, data: impl Into<Vec<u8>>) {
        match self.0.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, old)) => *old = data.into(),
            None => self.0.push((kind, data.into())),
        }
    }

    /// Leaves an extension out.
    pub(crate) fn drop(&mut self, kind: u16) {
        self.0.retain(|(known, _)| *known != kind);
    }

    /// An extension's data.
    pub(crate) fn get(&self, kind: u16) -> Option<&[u8]> {
        let found = self.0.iter().find(|(known, _)| *known == kind);
        found.map(|(_, data)| data.as_slice())
    }

    fn emit(&self, out: &mut Vec<u8>) {
        let mut all = Vec::new();
        for (kind, data) in &self.0 {
            all.extend(kind.to_be_bytes());
            all.extend(vector16(data));
        }
        if !all.is_empty() {
            out.extend(vector16(&all));
        }
    }

    fn parse(bytes: &[u8]) -> Self {
        let mut found = Self::default();
        if bytes.is_empty() {
            return found;
        }
        let (mut rest, end) = vector(&bytes[2..], usize::from(u16_at(bytes, 0)));
        assert!(end.is_empty(), "bytes behind the extensions");
        while !rest.is_empty() {
            let (data, next) = vector(&rest[4..], usize::from(u16_at(rest, 2)));
            found.0.push((u16_at(rest, 0), data.to_vec()));
            rest = next;
        }
        found
    }
}

fn vector(bytes: &[u8], len: usize) -> (&[u8], &[u8]) {
    bytes.split_at(len)
}

/// A client's hello.
#[derive(Clone, Debug)]
pub(crate) struct ClientHello {
    pub(crate) version: u16,
    pub(crate) random: [u8; 32],
    pub(crate) session_id: Vec<u8>,
    pub(crate) cookie: Vec<u8>,
    pub(crate) suites: Vec<u16>,
    pub(crate) compressions: Vec<u8>,
    pub(crate) extensions: Extensions,
}

impl ClientHello {
    pub(crate) fn emit(&self) -> Vec<u8> {
        let mut out = self.version.to_be_bytes().to_vec();
        out.extend(self.random);
        out.extend(vector8(&self.session_id));
        out.extend(vector8(&self.cookie));
        out.extend(vector16(&crate::wire::numbers(&self.suites)));
        out.extend(vector8(&self.compressions));
        self.extensions.emit(&mut out);
        out
    }

    pub(crate) fn parse(body: &[u8]) -> Self {
        let (session_id, rest) = vector(&body[35..], usize::from(body[34]));
        let (cookie, rest) = vector(&rest[1..], usize::from(rest[0]));
        let (suites, rest) = vector(&rest[2..], usize::from(u16_at(rest, 0)));
        let (compressions, rest) = vector(&rest[1..], usize::from(rest[0]));
        Self {
            version: u16_at(body, 0),
            random: body[2..34].try_into().unwrap(),
            session_id: session_id.to_vec(),
            cookie: cookie.to_vec(),
            suites: suites.chunks(2).map(|pair| u16_at(pair, 0)).collect(),
            compressions: compressions.to_vec(),
            extensions: Extensions::parse(rest),
        }
    }
}

/// A server's hello.
#[derive(Clone, Debug)]
pub(crate) struct ServerHello {
    pub(crate) version: u16,
    pub(crate) random: [u8; 32],
    pub(crate) session_id: Vec<u8>,
    pub(crate) suite: u16,
    pub(crate) compression: u8,
    pub(crate) extensions: Extensions,
}

impl ServerHello {
    pub(crate) fn emit(&self) -> Vec<u8> {
        let mut out = self.version.to_be_bytes().to_vec();
        out.extend(self.random);
        out.extend(vector8(&self.session_id));
        out.extend(self.suite.to_be_bytes());
        out.push(self.compression);
        self.extensions.emit(&mut out);
        out
    }

    pub(crate) fn parse(body: &[u8]) -> Self {
        let (session_id, rest) = vector(&body[35..], usize::from(body[34]));
        Self {
            version: u16_at(body, 0),
            random: body[2..34].try_into().unwrap(),
            session_id: session_id.to_vec(),
            suite: u16_at(rest, 0),
            compression: rest[2],
            extensions: Extensions::parse(&rest[3..]),
        }
    }
}

/// A server's share, signed.
#[derive(Clone, Debug)]
pub(crate) struct Share {
    pub(crate) curve_type: u8,
    pub(crate) group: u16,
    pub(crate) key: Vec<u8>,
    pub(crate) scheme: u16,
    pub(crate) signature: Vec<u8>,
}

impl Share {
    /// What is signed of it.
    pub(crate) fn parameters(&self) -> Vec<u8> {
        let mut out = vec![self.curve_type];
        out.extend(self.group.to_be_bytes());
        out.extend(vector8(&self.key));
        out
    }

    pub(crate) fn emit(&self) -> Vec<u8> {
        let mut out = self.parameters();
        out.extend(self.scheme.to_be_bytes());
        out.extend(vector16(&self.signature));
        out
    }

    pub(crate) fn parse(body: &[u8]) -> Self {
        let (key, rest) = vector(&body[4..], usize::from(body[3]));
        let (signature, end) = vector(&rest[4..], usize::from(u16_at(rest, 2)));
        assert!(end.is_empty(), "bytes behind the signature");
        Self {
            curve_type: body[0],
            group: u16_at(body, 1),
            key: key.to_vec(),
            scheme: u16_at(rest, 0),
            signature: signature.to_vec(),
        }
    }
}

/// Changes a client's hello.
pub(crate) fn client_hello(body: &mut Vec<u8>, edit: impl FnOnce(&mut ClientHello)) {
    let mut hello = ClientHello::parse(body);
    edit(&mut hello);
    *body = hello.emit();
}

/// Changes a server's hello.
pub(crate) fn server_hello(body: &mut Vec<u8>, edit: impl FnOnce(&mut ServerHello)) {
    let mut hello = ServerHello::parse(body);
    edit(&mut hello);
    *body = hello.emit();
}

/// Changes a server's share.
pub(crate) fn share(body: &mut Vec<u8>, edit: impl FnOnce(&mut Share)) {
    let mut share = Share::parse(body);
    edit(&mut share);
    *body = share.emit();
}
