//! A wire between an instance and the broker, that can fall silent, be slow, or break.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::broker::Broker;

const OPEN: u8 = 0;
/// Connections stay open and are taken, and nothing comes through.
const SILENT: u8 = 1;
const GONE: u8 = 2;

/// A wire to a broker; whoever is to use it asks at its address. Gone when dropped.
#[derive(Debug)]
pub(crate) struct Wire {
    address: SocketAddr,
    inside: Arc<Inside>,
}

#[derive(Debug)]
struct Inside {
    state: AtomicU8,
    /// What a chunk is delayed by, in milliseconds.
    delay: AtomicU64,
    ends: Mutex<Vec<TcpStream>>,
}

impl Wire {
    pub(crate) fn to(broker: &Broker) -> Self {
        let [broker, address] = broker.wire();
        let listener = TcpListener::bind(address).expect("the port is kept for us");
        let inside = Arc::new(Inside {
            state: AtomicU8::new(OPEN),
            delay: AtomicU64::new(0),
            ends: Mutex::default(),
        });
        let taken = Arc::clone(&inside);
        thread::spawn(move || {
            for client in listener.incoming() {
                if taken.state.load(Ordering::SeqCst) == GONE {
                    return;
                }
                let (Ok(client), Ok(server)) = (client, TcpStream::connect(broker)) else {
                    continue;
                };
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    let inside = Arc::clone(&taken);
                    thread::spawn(move || inside.pump(from, to));
                }
                taken.ends.lock().unwrap().extend([client, server]);
            }
        });
        Self { address, inside }
    }

    /// Where to ask, as `host:port`.
    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    /// From now on nothing comes through, and nobody is told.
    pub(crate) fn fall_silent(&self) {
        self.inside.state.store(SILENT, Ordering::SeqCst);
    }

    /// It is as it was; what was on its way arrives.
    pub(crate) fn come_back(&self) {
        self.inside.state.store(OPEN, Ordering::SeqCst);
    }

    /// From now on everything takes so much longer.
    pub(crate) fn slow_down(&self, by: Duration) {
        let by = u64::try_from(by.as_millis()).unwrap();
        self.inside.delay.store(by, Ordering::SeqCst);
    }

    /// Breaks every connection; new ones can be made.
    pub(crate) fn cut(&self) {
        for end in self.inside.ends.lock().unwrap().drain(..) {
            drop(end.shutdown(Shutdown::Both));
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.inside.state.store(GONE, Ordering::SeqCst);
        self.cut();
        // Whoever waits for the next one is woken.
        drop(TcpStream::connect(self.address));
    }
}

impl Inside {
    fn pump(&self, mut from: TcpStream, mut to: TcpStream) {
        let mut room = vec![0; 1 << 16];
        loop {
            let read = from.read(&mut room).unwrap_or(0);
            while self.state.load(Ordering::SeqCst) == SILENT {
                thread::sleep(Duration::from_millis(20));
            }
            thread::sleep(Duration::from_millis(self.delay.load(Ordering::SeqCst)));
            if read == 0 || to.write_all(&room[..read]).is_err() {
                drop(to.shutdown(Shutdown::Both));
                return;
            }
        }
    }
}
