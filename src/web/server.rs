//! Listens, and answers until it is told to stop.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::web::error::WebError;

/// So long answers that are under way may take once it is told to stop.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// A server that has its port.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
}

impl Server {
    /// Takes the port, so that whoever starts learns at once that it is free; port 0 takes any.
    ///
    /// # Errors
    /// [`WebError::Taken`] where somebody has it; else what the machine says.
    pub async fn bind(address: SocketAddr) -> Result<Self, WebError> {
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::AddrInUse => WebError::Taken(address),
            _ => WebError::Listen { address, source },
        };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `stop` ends; then answers that are under way have five seconds.
    ///
    /// # Errors
    /// Where the socket fails.
    pub async fn serve(
        self,
        router: Router,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), WebError> {
        let address = self.address;
        let (told, stopping) = oneshot::channel();
        let serving = axum::serve(self.listener, router).with_graceful_shutdown(async move {
            stop.await;
            // Nobody waits for it where serving has ended already.
            told.send(()).unwrap_or(());
        });
        let serving = async { serving.await.map_err(|source| WebError::Serve { address, source }) };
        tokio::pin!(serving);
        tokio::select! {
            ended = &mut serving => ended,
            _ = stopping => timeout(LAST_ANSWERS, serving).await.unwrap_or(Ok(())),
        }
    }
}
