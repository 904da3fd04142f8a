//! The connection to a server: a socket, plain or with TLS.

use super::conninfo::{ConnInfo, Server, SslMode};
use crate::tls::client;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::client::TlsStream;

/// A connection.
pub enum Stream {
    /// By TCP, not encrypted.
    Tcp(TcpStream),
    /// By the server's socket in the file system.
    Unix(UnixStream),
    /// By TCP with TLS.
    Tls(Box<TlsStream<TcpStream>>),
}

/// Where a server was reached, for what has to be sent beside the connection.
#[derive(Debug, Clone)]
pub enum Address {
    /// By TCP.
    Tcp(SocketAddr),
    /// By its socket.
    Unix(PathBuf),
}

/// SSLRequest: asks for TLS.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

impl Stream {
    /// Connects to a server.
    ///
    /// # Errors
    /// If that fails, or the connection is not as `sslmode` wants it.
    pub async fn connect(info: &ConnInfo, server: &Server) -> io::Result<(Self, Address)> {
        if server.host.starts_with('/') {
            let path = Path::new(&server.host).join(format!(".s.PGSQL.{}", server.port));
            return Ok((Self::Unix(UnixStream::connect(&path).await?), Address::Unix(path)));
        }
        let mut tcp = TcpStream::connect((server.host.as_str(), server.port)).await?;
        tcp.set_nodelay(true)?;
        let address = tcp.peer_addr()?;
        if info.sslmode == SslMode::Disable {
            return Ok((Self::Tcp(tcp), Address::Tcp(address)));
        }
        tcp.write_all(&SSL_REQUEST).await?;
        match tcp.read_u8().await? {
            b'S' => {
                let tls = client::connect(info, &server.host, tcp).await?;
                Ok((Self::Tls(Box::new(tls)), Address::Tcp(address)))
            }
            b'N' if info.sslmode == SslMode::Prefer => Ok((Self::Tcp(tcp), Address::Tcp(address))),
            _ => Err(io::Error::other("the server takes no TLS, which sslmode asks for")),
        }
    }

    /// Whether what is sent can be read by nobody on the way.
    pub fn is_private(&self) -> bool {
        !matches!(self, Self::Tcp(_))
    }

    /// Whether an idle connection is still there: nothing has come from the server, neither its end nor a last message.
    pub fn is_quiet(&self) -> bool {
        let mut byte = [0];
        let read = match self {
            Self::Tcp(tcp) => tcp.try_read(&mut byte),
            Self::Unix(unix) => unix.try_read(&mut byte),
            Self::Tls(tls) => tls.get_ref().0.try_read(&mut byte),
        };
        matches!(read, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }
}

impl Address {
    /// Sends a message on a connection of its own, and waits until the server closes it.
    ///
    /// # Errors
    /// If that fails.
    pub async fn send(&self, message: &[u8]) -> io::Result<()> {
        let mut rest = vec![];
        match self {
            Self::Tcp(address) => {
                let mut tcp = TcpStream::connect(address).await?;
                tcp.write_all(message).await?;
                tcp.read_to_end(&mut rest).await?;
            }
            Self::Unix(path) => {
                let mut unix = UnixStream::connect(path).await?;
                unix.write_all(message).await?;
                unix.read_to_end(&mut rest).await?;
            }
        }
        Ok(())
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Self::Unix(unix) => Pin::new(unix).poll_read(cx, buf),
            Self::Tls(tls) => Pin::new(tls).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(tcp) => Pin::new(tcp).poll_write(cx, buf),
            Self::Unix(unix) => Pin::new(unix).poll_write(cx, buf),
            Self::Tls(tls) => Pin::new(tls).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(tcp) => Pin::new(tcp).poll_flush(cx),
            Self::Unix(unix) => Pin::new(unix).poll_flush(cx),
            Self::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Self::Unix(unix) => Pin::new(unix).poll_shutdown(cx),
            Self::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}
