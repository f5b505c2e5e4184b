//! Linux: batches of datagrams by `recvmmsg` and `sendmmsg`, with GSO and GRO.
//!
//! The one room of `unsafe` in this crate. Its safe side speaks slices and batches; addresses and
//! control data are bytes that `control` lays out. It decides nothing: errors go up as they come.
#![expect(
    unsafe_code,
    reason = "recvmmsg, sendmmsg and the options of their control data have no safe wrapper"
)]

use std::fmt;
use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::ptr;

use libc::{c_int, iovec, mmsghdr, msghdr};
use parking_lot::Mutex;
use socket2::Socket;

use super::control::{Control, Family, Name, Notes};
use super::options::UdpOptions;
use super::source::{Arrival, ReceiveTally, SourceFilter};
use super::system::{Filled, SendFailure, Sent, SystemSocket, is_dual, train_length};
use crate::buffer::batch::{BATCH_SIZE, ReceiveBatch};
use crate::interface::Transmit;

/// Most datagrams of one send call: enough for 64 trains of 8, and 8 KiB of stack.
const SEND_DATAGRAMS: usize = 512;

/// A bound, non-blocking UDP socket.
pub(super) struct LinuxSocket {
    socket: Socket,
    family: Family,
    /// Bound to every address: a message may choose the one it leaves from.
    wildcard: bool,
    gso: bool,
    gro: bool,
    /// One thread receives at a time; the lock makes that sure and is never waited for.
    scratch: Mutex<Box<ReceiveScratch>>,
}

/// What a receive call needs beside the slots: the messages, and where the kernel writes what comes
/// with their datagrams. Kept from call to call; writing it anew would cost more than the call.
struct ReceiveScratch {
    headers: [mmsghdr; BATCH_SIZE],
    vectors: [iovec; BATCH_SIZE],
    names: [Name; BATCH_SIZE],
    controls: [Control; BATCH_SIZE],
    /// The drop counter as last seen.
    drops: u32,
}

// SAFETY: it is not `Send` for its raw pointers alone. They own nothing, are written anew in front
// of every call that follows them, and are followed by nothing else.
unsafe impl Send for ReceiveScratch {}

impl fmt::Debug for LinuxSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinuxSocket")
            .field("socket", &self.socket)
            .field("family", &self.family)
            .field("gso", &self.gso)
            .field("gro", &self.gro)
            .finish_non_exhaustive()
    }
}

impl LinuxSocket {
    /// Takes over a socket bound to `local` and switches on what the kernel has.
    ///
    /// What it lacks is done without: no drop counter, no choice of source address, no trains.
    pub(super) fn new(socket: Socket, options: &UdpOptions, local: SocketAddr) -> Self {
        let wildcard = local.ip().is_unspecified();
        let _ = set_option(&socket, libc::SOL_SOCKET, libc::SO_RXQ_OVFL, 1);
        let family = if local.is_ipv4() {
            if wildcard {
                let _ = set_option(&socket, libc::IPPROTO_IP, libc::IP_PKTINFO, 1);
            }
            Family::V4
        } else {
            if wildcard {
                // It tells the address of IPv4 datagrams too, mapped.
                let _ = set_option(&socket, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, 1);
            }
            Family::V6 {
                dual: is_dual(options, local),
            }
        };
        // A size of 0 changes nothing and tells whether the kernel knows the option.
        let gso = options.gso && set_option(&socket, libc::SOL_UDP, libc::UDP_SEGMENT, 0).is_ok();
        let gro = options.gro && set_option(&socket, libc::SOL_UDP, libc::UDP_GRO, 1).is_ok();
        Self {
            socket,
            family,
            wildcard,
            gso,
            gro,
            scratch: Mutex::new(Box::new(ReceiveScratch {
                headers: [empty_header(); BATCH_SIZE],
                vectors: [EMPTY_VECTOR; BATCH_SIZE],
                names: [Name::EMPTY; BATCH_SIZE],
                controls: [Control::EMPTY; BATCH_SIZE],
                drops: 0,
            })),
        }
    }
}

impl SystemSocket for LinuxSocket {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket
            .local_addr()?
            .as_socket()
            .ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    fn buffers(&self) -> (usize, usize) {
        (
            self.socket.recv_buffer_size().unwrap_or(0),
            self.socket.send_buffer_size().unwrap_or(0),
        )
    }

    fn coalesces(&self) -> bool {
        self.gro
    }

    fn segments(&self) -> bool {
        self.gso
    }

    fn receive(
        &self,
        batch: &mut ReceiveBatch,
        filter: &SourceFilter,
        tally: &mut ReceiveTally,
    ) -> io::Result<Filled> {
        let scratch = &mut **self.scratch.lock();
        let parts = scratch
            .headers
            .iter_mut()
            .zip(&mut scratch.vectors)
            .zip(&mut scratch.names)
            .zip(&mut scratch.controls);
        let mut asked = 0;
        for ((((header, vector), name), control), slot) in parts.zip(batch.slots()) {
            vector.iov_base = slot.as_mut_ptr().cast();
            vector.iov_len = slot.len();
            let message = &mut header.msg_hdr;
            message.msg_iov = vector;
            message.msg_iovlen = 1;
            message.msg_name = name.bytes.as_mut_ptr().cast();
            message.msg_namelen = socklen(name.bytes.len());
            message.msg_control = control.bytes.as_mut_ptr().cast();
            message.msg_controllen = control.bytes.len() as _;
            asked += 1;
        }
        // SAFETY: the first `asked` headers were just filled: each points to one vector, of one slot
        // of the batch, and to one name and one control buffer with their true lengths. All of it is
        // borrowed exclusively by this function until the call is over. The kernel writes within
        // those lengths and keeps no pointer. No time-out is passed.
        let received = unsafe {
            libc::recvmmsg(
                self.socket.as_raw_fd(),
                scratch.headers.as_mut_ptr(),
                asked,
                0,
                ptr::null_mut(),
            )
        };
        tally.calls += 1;
        let received = count(received)?;
        let told = scratch.names.iter().zip(&scratch.controls);
        for (header, (name, control)) in scratch.headers.iter().take(received).zip(told) {
            let len = usize::try_from(header.msg_len).unwrap_or(usize::MAX);
            let header = &header.msg_hdr;
            let notes = if header.msg_controllen == 0 {
                Notes::default()
            } else {
                control.parse(header.msg_controllen as _)
            };
            if let Some(drops) = notes.drops {
                tally.kernel_drops += u64::from(drops.wrapping_sub(scratch.drops));
                scratch.drops = drops;
            }
            Arrival {
                from: name.parse(usize::try_from(header.msg_namelen).unwrap_or(0)),
                to: notes.to,
                len,
                segment: notes.segment,
                cut: header.msg_flags & libc::MSG_TRUNC != 0,
            }
            .enter(batch, filter, tally);
        }
        Ok(if batch.remaining() > 0 {
            Filled::Some
        } else {
            Filled::All
        })
    }

    fn send(&self, batch: &[Transmit<'_>], gso: bool) -> Result<Sent, SendFailure> {
        let mut names = [const { MaybeUninit::<Name>::uninit() }; BATCH_SIZE];
        let mut controls = [const { MaybeUninit::<Control>::uninit() }; BATCH_SIZE];
        let mut headers = [const { MaybeUninit::<mmsghdr>::uninit() }; BATCH_SIZE];
        let mut vectors = [const { MaybeUninit::<iovec>::uninit() }; SEND_DATAGRAMS];
        let mut trains = [0; BATCH_SIZE];

        let gso = gso && self.gso;
        let mut rest = batch;
        let mut free = vectors.as_mut_slice();
        let mut messages = 0;
        let parts = headers.iter_mut().zip(&mut names).zip(&mut controls);
        for (((header, name), control), train) in parts.zip(&mut trains) {
            let Some(first) = rest.first() else {
                break;
            };
            let length = if gso { train_length(rest) } else { 1 };
            let Some((to, to_len)) = Name::of(first.to, self.family) else {
                break;
            };
            let (Some((own, later)), Some((datagrams, others))) = (
                std::mem::take(&mut free).split_at_mut_checked(length),
                rest.split_at_checked(length),
            ) else {
                break;
            };
            free = later;
            rest = others;
            for (vector, datagram) in own.iter_mut().zip(datagrams) {
                // The kernel only reads from it: a send takes what `readv` would fill.
                vector.write(iovec {
                    iov_base: datagram.bytes.as_ptr().cast_mut().cast(),
                    iov_len: datagram.bytes.len(),
                });
            }
            let mut filled = empty_header();
            filled.msg_hdr.msg_name = ptr::from_mut(name.write(to)).cast();
            filled.msg_hdr.msg_namelen = socklen(to_len);
            filled.msg_hdr.msg_iov = own.as_mut_ptr().cast();
            filled.msg_hdr.msg_iovlen = length as _;
            let from = first.from.filter(|_| self.wildcard);
            let segment = (length > 1).then(|| u16::try_from(first.bytes.len()).unwrap_or(0));
            if from.is_some() || segment.is_some() {
                let control = control.write(Control::EMPTY);
                filled.msg_hdr.msg_controllen = control.write(from, segment) as _;
                filled.msg_hdr.msg_control = control.bytes.as_mut_ptr().cast();
            }
            header.write(filled);
            *train = length;
            messages += 1;
        }
        if messages == 0 {
            return Err(unsendable(batch));
        }
        // SAFETY: the first `messages` of `headers` are initialised, and point to a name, to as
        // many initialised vectors as they say, and to no or an initialised control buffer, all
        // with their true lengths. Names, vectors and controls live on this stack frame, the
        // datagrams in `batch`, whose borrow outlasts the call. The kernel reads those, writes
        // only `msg_len` of the headers, and keeps no pointer.
        let sent = unsafe {
            libc::sendmmsg(
                self.socket.as_raw_fd(),
                headers.as_mut_ptr().cast(),
                messages,
                0,
            )
        };
        match count(sent) {
            Ok(sent) => {
                let mut report = Sent {
                    calls: 1,
                    ..Sent::default()
                };
                for train in trains.iter().take(sent) {
                    report.datagrams += train;
                    report.segmented += if *train > 1 { *train } else { 0 };
                }
                Ok(report)
            }
            Err(error) => Err(SendFailure {
                error,
                train: trains.first().copied().unwrap_or(1),
            }),
        }
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.socket.as_fd())
    }
}

/// Why no message could be made of the front of `batch`: not the kernel's words, but its kinds.
fn unsendable(batch: &[Transmit<'_>]) -> SendFailure {
    let is_address = batch
        .first()
        .is_some_and(|transmit| transmit.to.ip().is_some());
    let kind = if is_address {
        io::ErrorKind::NetworkUnreachable
    } else {
        io::ErrorKind::InvalidInput
    };
    SendFailure {
        error: kind.into(),
        train: 1,
    }
}

/// A vector of no bytes.
const EMPTY_VECTOR: iovec = iovec {
    iov_base: ptr::null_mut(),
    iov_len: 0,
};

/// A message without address, data and control data.
fn empty_header() -> mmsghdr {
    // SAFETY: `msghdr` consists of integers and raw pointers, for which zero is a value; some
    // systems have private padding in it, so it cannot be written field by field.
    let message: msghdr = unsafe { MaybeUninit::zeroed().assume_init() };
    mmsghdr {
        msg_hdr: message,
        msg_len: 0,
    }
}

/// The length of a name, which is below 128.
fn socklen(len: usize) -> libc::socklen_t {
    len.try_into().unwrap_or(0)
}

/// What a call returned: a number, or an error to look up.
fn count(returned: c_int) -> io::Result<usize> {
    usize::try_from(returned).map_err(|_| io::Error::last_os_error())
}

/// Sets a socket option whose value is an `int`.
fn set_option(socket: &Socket, level: c_int, name: c_int, value: c_int) -> io::Result<()> {
    // SAFETY: the descriptor is open, as `socket` owns it; the pointer is to a live `c_int` and the
    // length is its size; the kernel copies the value and keeps no pointer.
    let returned = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            ptr::from_ref(&value).cast(),
            socklen(size_of::<c_int>()),
        )
    };
    count(returned).map(drop)
}
