//! Opens the ports of the endpoints. I/O: network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

/// Opens the port. Separate from serving, so that the process can end with a clear error if the port is in use.
///
/// The address `[::]` stands for all addresses, IPv4 ones included; a node without IPv6 has only those.
pub async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let is_all = address.ip() == IpAddr::from(Ipv6Addr::UNSPECIFIED);
    if !is_all {
        return TcpListener::bind(address).await;
    }
    match both_families(address) {
        Err(error) if is_without_ipv6(&error) => {
            TcpListener::bind((Ipv4Addr::UNSPECIFIED, address.port())).await
        }
        bound => bound,
    }
}

/// Whether a socket of [`bind`] takes IPv4 connections too is a setting of the system, unless it is set here.
fn both_families(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV6, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_only_v6(false)?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(1024)?;
    TcpListener::from_std(socket.into())
}

fn is_without_ipv6(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{AddrNotAvailable, Unsupported};
    // Linux: the address family is not supported by the kernel.
    const EAFNOSUPPORT: i32 = 97;
    matches!(error.kind(), AddrNotAvailable | Unsupported) || error.raw_os_error() == Some(EAFNOSUPPORT)
}
