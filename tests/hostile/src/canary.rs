//! A listener at this machine's address. Forged names lead here; whoever comes was deceived.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Ray's own port, for names that bring none.
const DASHBOARD: u16 = 8265;

/// Who came, with the number of the last input that had begun.
struct Seen {
    lines: Mutex<Vec<(u64, String)>>,
    progress: Arc<AtomicU64>,
}

/// The listener; ends when dropped.
pub struct Canary {
    /// `ADDRESS:PORT`.
    pub address: String,
    seen: Arc<Seen>,
    tasks: Vec<JoinHandle<()>>,
}

impl Canary {
    /// Listens while inputs make `progress`.
    pub async fn listen(progress: Arc<AtomicU64>) -> Result<Self> {
        let host = own_address();
        let listener = match TcpListener::bind((host, DASHBOARD)).await {
            Ok(listener) => listener,
            Err(_) => TcpListener::bind((host, 0)).await?,
        };
        let address = listener.local_addr()?.to_string();
        let lines = Mutex::default();
        let seen = Arc::new(Seen { lines, progress });
        let task = tokio::spawn(serve(listener, Arc::clone(&seen)));
        Ok(Self {
            address,
            seen,
            tasks: vec![task],
        })
    }

    /// The first lines of what was asked for, and the numbers of the last inputs that had begun.
    pub fn seen(&self) -> Vec<(u64, String)> {
        self.seen.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Canary {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// The address that packets to others would come from; nothing is sent.
fn own_address() -> IpAddr {
    let address = || {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
        socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
        Some(socket.local_addr().ok()?.ip())
    };
    address().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
}

async fn serve(listener: TcpListener, seen: Arc<Seen>) {
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, Arc::clone(&seen)));
        }
    }
}

async fn answer(mut stream: TcpStream, seen: Arc<Seen>) {
    let mut request = vec![0; 1_000];
    let length = stream.read(&mut request).await.unwrap_or_default();
    let request = String::from_utf8_lossy(&request[..length]);
    let line = request
        .lines()
        .next()
        .unwrap_or("a connection without a request")
        .to_owned();
    let number = seen.progress.load(Ordering::Relaxed);
    eprintln!("led astray (input {number} or one before it): {line}");
    seen.lines
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push((number, line));
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
    let _ = stream.write_all(answer.as_bytes()).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_comes_is_noted() {
        let canary = Canary::listen(Arc::new(AtomicU64::new(3))).await.unwrap();
        let mut stream = TcpStream::connect(&canary.address).await.unwrap();
        stream.write_all(b"GET /x HTTP/1.1\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"));
        assert_eq!(canary.seen(), [(3, "GET /x HTTP/1.1".to_owned())]);
    }
}
