//! What keeps the service from being asked.

use std::io;
use std::net::SocketAddr;

/// Why nobody can ask the service.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WebError {
    /// Somebody else listens there.
    #[error("port {} on {} is taken: end what uses it, or choose another with `--listen {}:{}`", .0.port(), .0.ip(), .0.ip(), next(.0.port()))]
    Taken(SocketAddr),
    /// The machine says no.
    #[error("cannot listen on {address}: {source}; choose another address with `--listen`")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Serving ended by itself.
    #[error("cannot serve on {address} any more: {source}")]
    Serve {
        /// Where.
        address: SocketAddr,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

/// A neighbouring port to propose.
fn next(port: u16) -> u16 {
    port.checked_add(1).unwrap_or(port - 1)
}
