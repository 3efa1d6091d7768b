use crate::{Address, Cid};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// The unreserved characters of RFC 3986 stay as they are.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// One command of Kubo's RPC with its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    command: &'static str,
    query: Vec<(&'static str, String)>,
    file: Option<Vec<u8>>,
}

/// What is to be sent: always a POST, since Kubo 0.5 answers 405 to anything else.
///
/// *Behaviour*: it has no `Origin`, `Referer` or `User-Agent` of a browser, which Kubo
/// takes for a forged request and answers with 403.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Absolute.
    pub url: String,
    /// Of the body, where there is one.
    pub content_type: Option<String>,
    /// `multipart/form-data` with one file, or empty.
    pub body: Vec<u8>,
}

impl Call {
    fn new(command: &'static str) -> Self {
        Self { command, query: Vec::new(), file: None }
    }

    fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.query.push((name, value.to_string()));
        self
    }

    fn arg(self, value: impl ToString) -> Self {
        self.with("arg", value)
    }

    fn file(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.file = Some(bytes.into());
        self
    }

    /// The command, such as `files/ls`.
    #[must_use]
    pub fn command(&self) -> &'static str {
        self.command
    }

    /// Version of the node.
    #[must_use]
    pub fn version() -> Self {
        Self::new("version")
    }

    /// Its identity and addresses.
    #[must_use]
    pub fn id() -> Self {
        Self::new("id")
    }

    /// Size and bound of its repository. *Behaviour*: objects are not counted, which
    /// would read all of it.
    #[must_use]
    pub fn repo_stat() -> Self {
        Self::new("repo/stat").with("size-only", true)
    }

    /// One value of its configuration. Never the whole, which holds secrets.
    #[must_use]
    pub fn config(key: &str) -> Self {
        Self::new("config").arg(key)
    }

    /// The peers that it is connected to.
    #[must_use]
    pub fn swarm_peers() -> Self {
        Self::new("swarm/peers")
    }

    /// Limits of its network resources, and how much of each is used (Kubo 0.19).
    #[must_use]
    pub fn swarm_resources() -> Self {
        Self::new("swarm/resources")
    }

    /// The routing tables of its DHTs; answers in lines.
    #[must_use]
    pub fn routing_tables() -> Self {
        Self::new("stats/dht")
    }

    /// Connects it to a peer.
    #[must_use]
    pub fn swarm_connect(address: &str) -> Self {
        Self::new("swarm/connect").arg(address)
    }

    /// Providers of a CID in the routing system, at most `most`; answers in lines.
    #[must_use]
    pub fn find_providers(cid: &Cid, most: u32) -> Self {
        Self::new("routing/findprovs").arg(cid).with("num-providers", most)
    }

    /// Stores one raw block.
    #[must_use]
    pub fn block_put(bytes: &[u8], pin: bool) -> Self {
        Self::new("block/put").with("cid-codec", "raw").with("mhtype", "sha2-256").with("pin", pin).file(bytes)
    }

    /// One block. *Behaviour*: `local` asks nobody else for it.
    #[must_use]
    pub fn block_get(cid: &Cid, local: bool) -> Self {
        Self::new("block/get").arg(cid).with("offline", local)
    }

    /// Removes blocks that nothing pins.
    #[must_use]
    pub fn block_rm(cid: &Cid) -> Self {
        Self::new("block/rm").arg(cid).with("force", true)
    }

    /// Stores content as [`content::root`](crate::content::root) names it: CID version 1,
    /// raw leaves, chunks of [`content::CHUNK`](crate::content::CHUNK).
    #[must_use]
    pub fn add(bytes: impl Into<Vec<u8>>, pin: bool) -> Self {
        // Every default that an operator can change (`Import.*`) is given.
        Self::new("add")
            .with("quieter", true)
            .with("progress", false)
            .with("cid-version", 1)
            .with("hash", "sha2-256")
            .with("raw-leaves", true)
            .with("trickle", false)
            .with("inline", false)
            .with("chunker", format!("size-{}", crate::content::CHUNK))
            .with("pin", pin)
            .file(bytes)
    }

    /// The same, and referred to from `path` of the node's MFS in the same step, under the
    /// lock that keeps garbage collection out.
    ///
    /// *Behaviour*: what goes wrong with the reference is said in a trailer only, so ask
    /// for it with [`files_flush`](Self::files_flush).
    #[must_use]
    pub fn add_to_files(bytes: impl Into<Vec<u8>>, path: &str) -> Self {
        Self::add(bytes, false).with("to-files", path)
    }

    /// What content would be called, without storing it: whether storing is allowed.
    #[must_use]
    pub fn only_hash(bytes: &[u8]) -> Self {
        Self::add(bytes, false).with("only-hash", true)
    }

    /// A stretch of a file's content.
    #[must_use]
    pub fn cat(cid: &Cid, offset: u64, length: u64, local: bool) -> Self {
        Self::new("cat").arg(cid).with("offset", offset).with("length", length).with("offline", local)
    }

    /// Pins a CID with all below it.
    #[must_use]
    pub fn pin_add(cid: &Cid, name: &str) -> Self {
        Self::new("pin/add").arg(cid).with("name", name).with("recursive", true)
    }

    /// How a CID is pinned.
    #[must_use]
    pub fn pin_ls(cid: &Cid) -> Self {
        Self::new("pin/ls").arg(cid)
    }

    /// Takes a pin away.
    #[must_use]
    pub fn pin_rm(cid: &Cid) -> Self {
        Self::new("pin/rm").arg(cid).with("recursive", true)
    }

    /// The names in a folder of MFS.
    #[must_use]
    pub fn files_ls(path: &str) -> Self {
        Self::new("files/ls").arg(path).with("U", true)
    }

    /// CID and size of a path of MFS.
    #[must_use]
    pub fn files_stat(path: &str) -> Self {
        Self::new("files/stat").arg(path)
    }

    /// Makes a folder and those above it; succeeds where it is there.
    #[must_use]
    pub fn files_mkdir(path: &str) -> Self {
        Self::new("files/mkdir").arg(path).with("parents", true)
    }

    /// Writes a path of MFS to the node's disk, up to its root; answers its CID.
    #[must_use]
    pub fn files_flush(path: &str) -> Self {
        Self::new("files/flush").arg(path)
    }

    /// Writes a whole file of MFS in place. Not atomic: a reader may see it half written.
    #[must_use]
    pub fn files_write(path: &str, bytes: &[u8]) -> Self {
        let call = Self::new("files/write").arg(path).with("create", true).with("truncate", true);
        call.with("parents", true).with("raw-leaves", true).with("cid-version", 1).file(bytes)
    }

    /// A stretch of a file of MFS.
    #[must_use]
    pub fn files_read(path: &str, offset: u64, count: u64) -> Self {
        Self::new("files/read").arg(path).with("offset", offset).with("count", count)
    }

    /// Removes a path of MFS; succeeds where there is none.
    #[must_use]
    pub fn files_rm(path: &str) -> Self {
        Self::new("files/rm").arg(path).with("force", true)
    }

    /// The same for several paths.
    #[must_use]
    pub fn files_rm_all(paths: &[String]) -> Self {
        paths.iter().fold(Self::new("files/rm"), |call, path| call.arg(path)).with("force", true)
    }

    /// The request, for the node at `address`.
    #[must_use]
    pub fn request(self, address: &Address) -> Request {
        let mut path = format!("/api/v0/{}", self.command);
        for (n, (name, value)) in self.query.iter().enumerate() {
            path.push(if n == 0 { '?' } else { '&' });
            path.push_str(name);
            path.push('=');
            path.extend(utf8_percent_encode(value, QUERY));
        }
        let url = address.url(&path);
        match self.file {
            Some(file) => {
                let boundary = boundary(&file);
                let content_type = Some(format!("multipart/form-data; boundary={boundary}"));
                Request { url, content_type, body: multipart(&file, &boundary) }
            }
            None => Request { url, content_type: None, body: Vec::new() },
        }
    }
}

/// A boundary that ends nothing in the file (RFC 2046 section 5.1.1): a delimiter stands
/// at the beginning of a line.
fn boundary(file: &[u8]) -> String {
    let mut number = 0_u32;
    loop {
        let boundary = format!("seaworthy-{number:08x}");
        let delimiter = format!("\n--{boundary}");
        let begins = file.starts_with(&delimiter.as_bytes()[1..]);
        let taken =
            begins || file.split(|byte| *byte == b'\r').skip(1).any(|rest| rest.starts_with(delimiter.as_bytes()));
        match number.checked_add(1) {
            Some(next) if taken => number = next,
            _ => return boundary,
        }
    }
}

/// One file as `multipart/form-data` (RFC 7578). Kubo links a file into MFS only if it
/// has a name.
fn multipart(file: &[u8], boundary: &str) -> Vec<u8> {
    let head = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"record\"\r\nContent-Type: application/octet-stream\r\n\r\n"
    );
    let tail = format!("\r\n--{boundary}--\r\n");
    let mut body = Vec::with_capacity(head.len() + file.len() + tail.len());
    body.extend_from_slice(head.as_bytes());
    body.extend_from_slice(file);
    body.extend_from_slice(tail.as_bytes());
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at() -> Address {
        Address::parse("/ip4/127.0.0.1/tcp/5001").unwrap()
    }

    #[test]
    fn arguments_are_encoded() {
        let request = Call::files_rm("/seaworthy/00/a%2Fb&c=d é").request(&at());
        assert_eq!(
            request.url,
            "http://127.0.0.1:5001/api/v0/files/rm?arg=%2Fseaworthy%2F00%2Fa%252Fb%26c%3Dd%20%C3%A9&force=true"
        );
        assert!(request.body.is_empty() && request.content_type.is_none());
        assert_eq!(Call::version().request(&at()).url, "http://127.0.0.1:5001/api/v0/version");
    }

    #[test]
    fn a_file_is_one_part() {
        let request = Call::block_put(b"a\r\n--x", true).request(&at());
        assert_eq!(request.content_type.as_deref(), Some("multipart/form-data; boundary=seaworthy-00000000"));
        let wanted = "--seaworthy-00000000\r\nContent-Disposition: form-data; name=\"file\"; filename=\"record\"\r\n\
                      Content-Type: application/octet-stream\r\n\r\na\r\n--x\r\n--seaworthy-00000000--\r\n";
        assert_eq!(String::from_utf8(request.body).unwrap(), wanted);
    }

    #[test]
    fn content_cannot_end_its_part() {
        for (hostile, wanted) in [
            (&b"x\r\n--seaworthy-00000000--\r\n"[..], "seaworthy-00000001"),
            (b"--seaworthy-00000000\r\n--seaworthy-00000001", "seaworthy-00000002"),
            (b"seaworthy-00000000 --seaworthy-00000000 \n--seaworthy-00000000", "seaworthy-00000000"),
            (b"", "seaworthy-00000000"),
        ] {
            assert_eq!(boundary(hostile), wanted, "{}", hostile.escape_ascii());
        }
    }

    #[test]
    fn adding_fixes_everything_that_names_the_content() {
        let url = Call::add_to_files(*b"x", "/f/x").request(&at()).url;
        for fixed in [
            "cid-version=1",
            "raw-leaves=true",
            "chunker=size-1048576",
            "trickle=false",
            "pin=false",
            "to-files=%2Ff%2Fx",
        ] {
            assert!(url.contains(fixed), "{fixed} in {url}");
        }
    }
}
