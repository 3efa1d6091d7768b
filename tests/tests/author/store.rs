use anyhow::Result;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

type Values = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

/// A cache as simple as they come: PUT, GET, HEAD and DELETE, in memory. Below `/forbidden/`
/// nothing may be done.
pub(crate) fn serve() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let values = Values::default();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let values = values.clone();
            std::thread::spawn(move || while answer(&stream, &values).unwrap_or(false) {});
        }
    });
    Ok(address)
}

/// One request; whether there may be another.
fn answer(stream: &TcpStream, values: &Values) -> Result<bool> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(false);
    }
    let mut words = line.split_whitespace();
    let (method, path) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let Some((name, value)) = header.trim().split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let mut values = values.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let (status, value) = match method.as_str() {
        _ if path.starts_with("/forbidden/") => ("403 Forbidden", Vec::new()),
        "GET" | "HEAD" => match values.get(&path) {
            Some(value) => ("200 OK", value.clone()),
            None => ("404 Not Found", Vec::new()),
        },
        "PUT" => {
            values.insert(path, body);
            ("201 Created", Vec::new())
        }
        "DELETE" => (if values.remove(&path).is_some() { "204 No Content" } else { "404 Not Found" }, Vec::new()),
        _ => ("405 Method Not Allowed", Vec::new()),
    };
    let mut stream = stream;
    write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n", value.len())?;
    if method != "HEAD" {
        stream.write_all(&value)?;
    }
    Ok(true)
}
