use super::Place;
use crate::no_proxy::{below, split_port};
use ipnet::IpNet;
use seaworthy_model::Environment;
use std::net::IpAddr;

/// How one client reads the variables.
pub(super) struct Client {
    pub(super) name: &'static str,
    /// Port of an http proxy that is given without one.
    pub(super) default_port: u16,
    order: Order,
    /// A variable that is set and empty hides the next one.
    empty_hides: bool,
    all_proxy: bool,
    /// https without a proxy of its own takes that of http.
    https_takes_http: bool,
    cgi: Cgi,
    /// Connects to loopback by itself, whatever is listed.
    loopback_direct: bool,
    /// Separators of the list besides commas.
    blanks: Blanks,
    /// Whether `*` is only read where it is the whole list.
    star: Star,
    entry: fn(&str, &Place) -> bool,
    /// Whether the client can do anything with an entry.
    reads: fn(&str) -> bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Order {
    LowerFirst,
    UpperFirst,
    /// As the first, except for HTTP_PROXY, which is read in lower case only.
    LowerOnlyForHttp,
}

/// What HTTP_PROXY is where REQUEST_METHOD is set.
#[derive(Clone, Copy, PartialEq)]
enum Cgi {
    Ignored,
    /// It is an error to need it.
    Refused,
    LowerOnly,
    /// No variable counts at all.
    Nothing,
}

#[derive(Clone, Copy, PartialEq)]
enum Blanks {
    /// Trimmed off.
    Trimmed,
    /// They separate as a comma does.
    Separate,
    /// Taken out, also within an entry.
    Removed,
    /// An entry after a blank without a comma, and all that follow, are not read.
    End,
}

#[derive(Clone, Copy, PartialEq)]
enum Star {
    Alone,
    Anywhere,
    /// Takes names and no addresses.
    Names,
}

pub(super) static CLIENTS: [Client; 5] = [
    Client {
        name: "curl",
        default_port: 1080,
        order: Order::LowerOnlyForHttp,
        empty_hides: false,
        all_proxy: true,
        https_takes_http: false,
        cgi: Cgi::Ignored,
        loopback_direct: false,
        blanks: Blanks::End,
        star: Star::Alone,
        entry: curl,
        reads: |entry| !entry.starts_with("*.") && !has_port(entry) && !entry.contains(['[', ']']),
    },
    Client {
        name: "go",
        default_port: 80,
        order: Order::UpperFirst,
        empty_hides: false,
        all_proxy: false,
        https_takes_http: false,
        cgi: Cgi::Refused,
        loopback_direct: true,
        blanks: Blanks::Trimmed,
        star: Star::Anywhere,
        entry: go,
        reads: |entry| !entry.contains(char::is_whitespace),
    },
    Client {
        name: "python",
        default_port: 80,
        order: Order::LowerFirst,
        empty_hides: true,
        all_proxy: true,
        https_takes_http: false,
        cgi: Cgi::LowerOnly,
        loopback_direct: false,
        blanks: Blanks::Removed,
        star: Star::Alone,
        entry: python,
        reads: |entry| !entry.starts_with("*.") && !ipv6_block(entry) && !entry.contains(['[', ']']),
    },
    Client {
        name: "node",
        default_port: 80,
        order: Order::LowerFirst,
        empty_hides: true,
        all_proxy: false,
        https_takes_http: true,
        cgi: Cgi::Ignored,
        loopback_direct: false,
        blanks: Blanks::Separate,
        star: Star::Alone,
        entry: node,
        reads: |entry| entry.parse::<IpNet>().is_err(),
    },
    Client {
        name: "rust",
        default_port: 80,
        order: Order::UpperFirst,
        empty_hides: true,
        all_proxy: true,
        https_takes_http: false,
        cgi: Cgi::Nothing,
        loopback_direct: false,
        blanks: Blanks::Trimmed,
        star: Star::Names,
        entry: rust,
        reads: |entry| {
            !entry.starts_with("*.")
                && !has_port(entry)
                && !entry.contains(['[', ']'])
                && !entry.contains(char::is_whitespace)
        },
    },
];

impl Client {
    /// The variable that would make it look at the others, when that is not set.
    pub(super) fn switched_off(&self, environment: &Environment) -> Option<&'static str> {
        let switch = "NODE_USE_ENV_PROXY";
        (self.name == "node" && environment.text(switch) != Some("1")).then_some(switch)
    }

    /// Name and value of the variable whose proxy it would use for a scheme.
    pub(super) fn proxy(&self, scheme: &str, environment: &Environment) -> Option<(String, String)> {
        let cgi = environment.text("REQUEST_METHOD").is_some();
        if cgi && self.cgi == Cgi::Nothing {
            return None;
        }
        let wanted = if scheme == "https" { "HTTPS_PROXY" } else { "HTTP_PROXY" };
        let lower_only =
            scheme == "http" && (self.order == Order::LowerOnlyForHttp || (cgi && self.cgi == Cgi::LowerOnly));
        let own = self.read(wanted, lower_only, environment);
        let from_http = || self.https_takes_http.then(|| self.read("HTTP_PROXY", false, environment)).flatten();
        let for_all = || self.all_proxy.then(|| self.read("ALL_PROXY", false, environment)).flatten();
        own.or_else(from_http).or_else(for_all)
    }

    /// Whether it gives up rather than use HTTP_PROXY here.
    pub(super) fn refuses(&self, scheme: &str, environment: &Environment) -> bool {
        let cgi = environment.text("REQUEST_METHOD").is_some_and(|method| !method.is_empty());
        cgi && scheme == "http" && self.cgi == Cgi::Refused
    }

    /// Name and value of its NO_PROXY.
    pub(super) fn list(&self, environment: &Environment) -> Option<(String, String)> {
        // requests passes over an empty one here, unlike urllib with the proxies.
        self.first("NO_PROXY", false, self.empty_hides && self.name != "python", environment)
    }

    fn read(&self, upper: &str, lower_only: bool, environment: &Environment) -> Option<(String, String)> {
        self.first(upper, lower_only, self.empty_hides, environment)
    }

    fn first(
        &self,
        upper: &str,
        lower_only: bool,
        empty_hides: bool,
        environment: &Environment,
    ) -> Option<(String, String)> {
        let lower = upper.to_ascii_lowercase();
        let names = match self.order {
            _ if lower_only => vec![lower],
            Order::UpperFirst => vec![upper.to_owned(), lower],
            Order::LowerFirst | Order::LowerOnlyForHttp => vec![lower, upper.to_owned()],
        };
        for name in names {
            match environment.text(&name) {
                Some(value) if !value.trim().is_empty() => return Some((name, value.trim().to_owned())),
                Some(_) if empty_hides => return None,
                _ => {}
            }
        }
        None
    }

    /// Whether it connects to this place by itself whatever is listed.
    pub(super) fn always_direct(&self, place: &Place) -> bool {
        self.loopback_direct && (place.host == "localhost" || place.address.is_some_and(|ip| ip.is_loopback()))
    }

    /// The entry of the list that takes the place out of the proxy.
    pub(super) fn takes(&self, list: &str, place: &Place) -> Option<String> {
        if list.trim() == "*" && (self.star != Star::Names || place.address.is_none()) {
            return Some("*".to_owned());
        }
        let star = |entry: &str| {
            entry == "*" && (self.star == Star::Anywhere || (self.star == Star::Names && place.address.is_none()))
        };
        let (entries, _) = self.entries(list);
        entries.into_iter().find(|entry| {
            let lower = entry.to_ascii_lowercase();
            star(entry) || (*entry != "*" && (self.entry)(&lower, place))
        })
    }

    /// The entries that it can do nothing with.
    pub(super) fn unread(&self, list: &str) -> Vec<String> {
        if list.trim() == "*" {
            return Vec::new();
        }
        let (entries, left) = self.entries(list);
        let unread = entries.into_iter().filter(|entry| match entry.as_str() {
            "*" => self.star == Star::Alone,
            other => !(self.reads)(other),
        });
        unread.chain(left).collect()
    }

    /// The entries of a list, and those that are never come to.
    fn entries(&self, list: &str) -> (Vec<String>, Vec<String>) {
        let split = |text: &str| -> Vec<String> {
            text.split(',').map(str::trim).filter(|e| !e.is_empty()).map(str::to_owned).collect()
        };
        match self.blanks {
            Blanks::Trimmed => (split(list), Vec::new()),
            Blanks::Removed => {
                let broken = split(list).into_iter().filter(|entry| entry.contains(' ')).collect();
                (split(&list.replace(' ', "")), broken)
            }
            Blanks::Separate => {
                let parts = list.split(|c: char| c == ',' || c.is_whitespace());
                (parts.filter(|e| !e.is_empty()).map(str::to_owned).collect(), Vec::new())
            }
            Blanks::End => {
                let mut read = Vec::new();
                let mut parts = split(list).into_iter();
                for part in parts.by_ref() {
                    let mut words = part.split_whitespace().map(str::to_owned);
                    read.extend(words.next());
                    let rest: Vec<String> = words.collect();
                    if !rest.is_empty() {
                        return (read, rest.into_iter().chain(parts).collect());
                    }
                }
                (read, Vec::new())
            }
        }
    }
}

fn curl(entry: &str, place: &Place) -> bool {
    match place.address {
        // A block of no bits is compared as an address there.
        Some(address) => same_address(entry, address) || in_block(entry, address, 1),
        None => {
            let entry = without_dot(entry);
            same_or_below(entry.strip_prefix('.').unwrap_or(entry), without_dot(&place.host))
        }
    }
}

fn without_dot(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

fn go(entry: &str, place: &Place) -> bool {
    if let Ok(net) = entry.parse::<IpNet>() {
        return place.address.is_some_and(|address| net.contains(&address));
    }
    let (host, port) = split_port(entry);
    let host = host.trim_matches(['[', ']']);
    if host.is_empty() || port.is_some_and(|port| port != place.port) {
        return false;
    }
    if let Ok(listed) = host.parse::<IpAddr>() {
        return place.address == Some(listed);
    }
    let host = host.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(host);
    match host.strip_prefix('.') {
        Some(domain) => below(&place.host, domain),
        None => same_or_below(host, &place.host),
    }
}

fn python(entry: &str, place: &Place) -> bool {
    // urllib: leading dots off, then the domain and what is below it.
    let bare = entry.trim_start_matches('.');
    if same_or_below(bare, &place.host) {
        return true;
    }
    match place.address {
        // requests: an address is compared with addresses and blocks of IPv4.
        Some(IpAddr::V4(address)) => in_block(entry, IpAddr::V4(address), 1),
        // requests: anything else by its end, with and without the port in the URL.
        _ => {
            let with_port = place.written_port.map(|port| format!("{}:{port}", place.host));
            place.host.ends_with(entry) || with_port.is_some_and(|host| host.ends_with(entry))
        }
    }
}

fn node(entry: &str, place: &Place) -> bool {
    let (host, port) = match entry.parse::<IpAddr>() {
        Ok(_) => (entry, None),
        Err(_) => split_port(entry),
    };
    if port.is_some_and(|port| port != place.port) {
        return false;
    }
    let host = host.trim_matches(['[', ']']);
    let host = host.strip_prefix("*.").or_else(|| host.strip_prefix('.')).unwrap_or(host);
    same_or_below(without_dot(host), without_dot(&place.host))
}

fn rust(entry: &str, place: &Place) -> bool {
    match place.address {
        Some(address) => same_address(entry, address) || in_block(entry, address, 0),
        None => same_or_below(entry.strip_prefix('.').unwrap_or(entry), &place.host),
    }
}

fn same_or_below(domain: &str, host: &str) -> bool {
    !domain.is_empty() && (host == domain || below(host, domain))
}

fn same_address(entry: &str, address: IpAddr) -> bool {
    entry.parse::<IpAddr>().is_ok_and(|listed| listed == address)
}

fn in_block(entry: &str, address: IpAddr, least: u8) -> bool {
    entry.parse::<IpNet>().is_ok_and(|net| net.prefix_len() >= least && net.contains(&address))
}

fn has_port(entry: &str) -> bool {
    split_port(entry).1.is_some()
}

fn ipv6_block(entry: &str) -> bool {
    matches!(entry.parse(), Ok(IpNet::V6(_)))
}
