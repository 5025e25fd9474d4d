//! Free ports on the loopback address.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use crate::error::{EmbeddedError, Result};
use crate::random;

/// Below the range from which the system takes ports for outgoing connections (32768 and up): a port from here stays
/// ours between a kill and the restart on the same port.
const FIRST_PORT: u16 = 20_000;
const PORTS: u16 = 12_000;
const ATTEMPTS: usize = 64;

pub(crate) fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// `N` different ports that were free a moment ago. The engine binds them itself, so one may be gone by then: the
/// caller tries again when the engine says so.
pub(crate) fn free_ports<const N: usize>() -> Result<[u16; N]> {
    let mut held = Vec::with_capacity(N);
    for _ in 0..ATTEMPTS {
        if held.len() < N {
            let port = FIRST_PORT + u16::from_le_bytes(random::bytes()?) % PORTS;
            held.extend(TcpListener::bind(loopback(port)));
        }
    }
    while held.len() < N {
        held.push(TcpListener::bind(loopback(0)).map_err(EmbeddedError::folder("bind", "127.0.0.1"))?);
    }
    let mut ports = [0; N];
    for (port, listener) in ports.iter_mut().zip(&held) {
        *port = listener.local_addr().map_err(EmbeddedError::folder("bind", "127.0.0.1"))?.port();
    }
    Ok(ports)
}

/// Whether something accepts connections on the port.
pub(crate) fn accepts(port: u16) -> bool {
    TcpStream::connect_timeout(&loopback(port), Duration::from_millis(500)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_differ_and_can_be_bound() {
        let ports = free_ports::<8>().unwrap();
        let bound: Vec<_> = ports.iter().map(|port| TcpListener::bind(loopback(*port)).unwrap()).collect();
        assert_eq!(bound.len(), 8);
        assert!(accepts(ports[0]));
    }
}
