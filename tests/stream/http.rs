//! Asking over HTTP.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::patience::PATIENCE;

/// The status and the body at `path`.
pub(crate) fn get(address: &str, path: &str) -> (u16, String) {
    ask(address, path).unwrap_or_else(|| panic!("nobody listens on {address}"))
}

/// The same; none where nobody listens. HTTP/1.0: the answer comes in one piece and ends with the connection.
pub(crate) fn ask(address: &str, path: &str) -> Option<(u16, String)> {
    let mut to = TcpStream::connect(address).ok()?;
    to.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(to, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").unwrap();
    let mut answer = String::new();
    to.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Some((status.expect("a status"), body.to_owned()))
}
