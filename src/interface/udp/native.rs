//! The system itself: which kind of socket it opens, and how.

use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

#[cfg(target_os = "linux")]
use super::options::SystemPath;
use super::options::UdpOptions;
use super::portable::PortableSocket;
#[cfg(target_os = "linux")]
use super::sys::LinuxSocket;
use super::system::{System, SystemSocket, is_dual};

/// The system itself.
#[derive(Debug)]
pub(super) struct Native;

impl System for Native {
    fn open(&self, options: &UdpOptions, local: SocketAddr) -> io::Result<Box<dyn SystemSocket>> {
        let socket = bound_socket(options, local)?;
        #[cfg(target_os = "linux")]
        if options.path == SystemPath::Auto {
            return Ok(Box::new(LinuxSocket::new(socket, options, local)));
        }
        Ok(Box::new(PortableSocket::new(socket)))
    }
}

fn bound_socket(options: &UdpOptions, local: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(local), Type::DGRAM, Some(Protocol::UDP))?;
    if local.is_ipv6() {
        socket.set_only_v6(!is_dual(options, local))?;
    }
    if options.reuse_address {
        socket.set_reuse_address(true)?;
    }
    #[cfg(unix)]
    if options.sockets_per_port > 1 {
        socket.set_reuse_port(true)?;
    }
    ask(options.receive_buffer, |size| {
        socket.set_recv_buffer_size(size)
    });
    ask(options.send_buffer, |size| {
        socket.set_send_buffer_size(size)
    });
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::from(local))?;
    Ok(socket)
}

/// Asks for a buffer, and for half of it where the system refuses outright instead of granting less.
fn ask(wanted: usize, set: impl Fn(usize) -> io::Result<()>) {
    let mut size = wanted;
    while size > 0 && set(size).is_err() {
        size /= 2;
    }
}
