//! Tests of certificates, keys and cookies.
