//! Asking a service over HTTP.

use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where a service is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Server {
    /// As host:port.
    address: String,
    /// What stands before every path; without a `/` at its end.
    below: String,
}

/// What a service answers.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
}

impl Server {
    /// Where a service listens that says so; one that listens everywhere is asked on this machine.
    pub(super) fn of_listen(listen: &str) -> Result<Self> {
        let Some((host, port)) = listen.rsplit_once(':') else {
            bail!("`{listen}` is no address: write host:port");
        };
        let host = match host {
            "" | "0.0.0.0" => "127.0.0.1",
            "[::]" => "[::1]",
            host => host,
        };
        Ok(Self { address: format!("{host}:{port}"), below: String::new() })
    }

    /// The same of an address of the web.
    pub(super) fn of_url(url: &str) -> Result<Self> {
        let Some(rest) = url.strip_prefix("http://") else {
            bail!(
                "--url {url}: only http:// can be asked; where TLS is, ask behind it, at the service itself"
            );
        };
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        // A port is behind the last `]` of an address of IPv6.
        let named = host.rsplit(']').next().is_some_and(|end| end.contains(':'));
        let address = if named { host.to_owned() } else { format!("{host}:80") };
        let path = path.trim_end_matches('/');
        let below = if path.is_empty() { String::new() } else { format!("/{path}") };
        Ok(Self { address, below })
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.address, self.below)
    }
}

/// Asks for a path.
pub(super) async fn get(server: &Server, path: &str) -> Result<Answer> {
    let asked = timeout(PATIENCE, ask(server, path)).await;
    asked.with_context(|| format!("{server} gives no answer within {} s", PATIENCE.as_secs()))?
}

async fn ask(server: &Server, path: &str) -> Result<Answer> {
    let Server { address, below } = server;
    let mut stream = TcpStream::connect(address).await.with_context(|| {
        format!("nobody answers on {address}; does `vigie run` run, and is it --listen or --url that says where?")
    })?;
    // HTTP/1.0: the answer comes in one piece and ends with the connection.
    let request = format!("GET {below}{path} HTTP/1.0\r\nHost: {address}\r\n\r\n");
    let failed = || format!("{server} broke off");
    stream.write_all(request.as_bytes()).await.with_context(failed)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.with_context(failed)?;
    let answer = String::from_utf8_lossy(&answer);
    let parted = answer.split_once("\r\n\r\n");
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    match (parted, status) {
        (Some((_, body)), Some(status)) => Ok(Answer { status, body: body.to_owned() }),
        _ => bail!("{server} does not speak HTTP"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_where_it_can_be_asked() {
        for (listen, asked) in [
            ("127.0.0.1:9464", "http://127.0.0.1:9464"),
            ("0.0.0.0:80", "http://127.0.0.1:80"),
            (":9464", "http://127.0.0.1:9464"),
            ("[::]:9464", "http://[::1]:9464"),
            ("vigie:9464", "http://vigie:9464"),
        ] {
            assert_eq!(Server::of_listen(listen).unwrap().to_string(), asked);
        }
        for (url, asked) in [
            ("http://vigie:9464/", "http://vigie:9464"),
            ("http://vigie", "http://vigie:80"),
            ("http://[::1]", "http://[::1]:80"),
            ("http://[::1]:9/a/b/", "http://[::1]:9/a/b"),
        ] {
            assert_eq!(Server::of_url(url).unwrap().to_string(), asked);
        }
        assert!(Server::of_listen("vigie").is_err());
        assert!(Server::of_url("https://vigie").unwrap_err().to_string().contains("only http"));
    }
}
