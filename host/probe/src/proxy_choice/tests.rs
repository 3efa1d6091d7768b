use super::*;

fn environment(pairs: &[(&str, &str)]) -> Environment {
    Environment::from_pairs(pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())))
}

fn chosen(url: &str, pairs: &[(&str, &str)]) -> BTreeMap<String, Choice> {
    let pairs: Vec<(&str, &str)> = pairs.iter().copied().chain([("NODE_USE_ENV_PROXY", "1")]).collect();
    let choices = choose(&[url.to_owned()], &environment(&pairs)).unwrap();
    choices.into_iter().map(|choice| (choice.client.clone(), choice)).collect()
}

/// The clients that connect by themselves.
fn direct(url: &str, pairs: &[(&str, &str)]) -> String {
    let chosen = chosen(url, pairs);
    let direct = CLIENTS.iter().filter(|client| chosen[client.name].proxy.is_none()).map(|client| client.name);
    direct.collect::<Vec<_>>().join(" ")
}

#[test]
fn each_client_reads_the_list_its_own_way() {
    const ALL: &str = "curl go python node rust";
    for (list, url, clients) in [
        ("example.com", "https://example.com/", ALL),
        ("example.com", "https://a.example.com/", ALL),
        ("example.com", "https://A.Example.COM./", "curl node"),
        ("EXAMPLE.com", "https://a.example.com/", ALL),
        // requests looks at the end of the name only.
        ("example.com", "https://badexample.com/", "python"),
        (".example.com", "https://a.example.com/", ALL),
        (".example.com", "https://example.com/", "curl python node rust"),
        ("*.example.com", "https://a.example.com/", "go node"),
        ("*.example.com", "https://example.com/", "node"),
        ("*", "https://example.com/", ALL),
        ("*", "https://10.1.2.3/", "curl go python node"),
        ("other.test,*", "https://example.com/", "go rust"),
        ("10.0.0.0/8", "https://10.1.2.3/", "curl go python rust"),
        ("10.0.0.0/8", "https://11.1.2.3/", ""),
        ("10.0.0.0/8", "https://ten.example.com/", ""),
        ("fd00::/8", "https://[fd00::2]/", "curl go rust"),
        ("fd00::2", "https://[fd00::2]/", ALL),
        ("10.1.2.3", "https://10.1.2.3:9000/", ALL),
        ("example.com:443", "https://example.com/", "go node"),
        ("example.com:8443", "https://example.com:8443/", "go python node"),
        ("example.com:8443", "https://example.com/", ""),
        ("10.1.2.3:9000", "https://10.1.2.3:9000/", "go node"),
        ("a.test b.test", "https://b.test/", "node"),
        ("a.test b.test", "https://a.test/", "curl node"),
        ("a.test, b.test", "https://b.test/", ALL),
        ("", "https://example.com/", ""),
        // Loopback is nothing special, except to Go.
        ("x.test", "https://localhost:5001/", "go"),
        ("x.test", "https://127.0.0.1/", "go"),
        ("x.test", "https://[::1]/", "go"),
        ("localhost,127.0.0.1", "https://127.0.0.1/", ALL),
        ("127.0.0.0/8", "https://127.0.0.1/", "curl go python rust"),
    ] {
        let set = [("https_proxy", "http://p:1"), ("no_proxy", list)];
        let got = direct(url, &set);
        assert_eq!(got, clients, "NO_PROXY={list} {url}");
    }
}

#[test]
fn each_client_has_its_own_order_of_variables() {
    for (pairs, url, wanted) in [
        (&[("HTTP_PROXY", "up:1")][..], "http://a.test/", "- up up up up"),
        (&[("http_proxy", "low:1")], "http://a.test/", "low low low low low"),
        (&[("HTTP_PROXY", "up:1"), ("http_proxy", "low:1")], "http://a.test/", "low up low low up"),
        (&[("HTTPS_PROXY", "up:1"), ("https_proxy", "low:1")], "https://a.test/", "low up low low up"),
        (&[("HTTPS_PROXY", "up:1"), ("https_proxy", "")], "https://a.test/", "up up - - up"),
        (&[("HTTPS_PROXY", ""), ("https_proxy", "low:1")], "https://a.test/", "low low low low -"),
        (&[("http_proxy", "low:1")], "https://a.test/", "- - - low -"),
        (&[("ALL_PROXY", "all:1")], "https://a.test/", "all - all - all"),
        (&[("ALL_PROXY", "all:1"), ("https_proxy", "low:1")], "https://a.test/", "low low low low low"),
        (&[("HTTP_PROXY", "up:1"), ("REQUEST_METHOD", "GET")], "http://a.test/", "- - - up -"),
        (&[("http_proxy", "low:1"), ("REQUEST_METHOD", "GET")], "http://a.test/", "low - low low -"),
        (&[("https_proxy", "low:1"), ("REQUEST_METHOD", "GET")], "https://a.test/", "low low low low -"),
    ] {
        let chosen = chosen(url, pairs);
        let host = |client: &Client| {
            let proxy = chosen[client.name].proxy.as_deref().unwrap_or("http://-:1");
            proxy.trim_start_matches("http://").trim_end_matches(":1").to_owned()
        };
        assert_eq!(CLIENTS.iter().map(host).collect::<Vec<_>>().join(" "), wanted, "{pairs:?} {url}");
    }
}

#[test]
fn what_a_client_does_not_understand_is_named() {
    let set = [("https_proxy", "p:1"), ("no_proxy", "*.a.test,b.test:443,10.0.0.0/8,[fd00::1],*")];
    let chosen = chosen("https://x.test/", &set);
    let unread = |client: &str| chosen[client].details.get("unread").cloned().unwrap_or_default();
    assert_eq!(unread("curl"), "*.a.test,b.test:443,[fd00::1],*");
    assert_eq!(unread("go"), "");
    assert_eq!(unread("python"), "*.a.test,[fd00::1],*");
    assert_eq!(unread("node"), "10.0.0.0/8,*");
    assert_eq!(unread("rust"), "*.a.test,b.test:443,[fd00::1]");
    let blank = self::chosen("https://x.test/", &[("https_proxy", "p:1"), ("no_proxy", "a.test b.test,c.test")]);
    assert_eq!(blank["curl"].details["unread"], "b.test,c.test");
    for client in ["go", "python", "rust"] {
        assert_eq!(blank[client].details["unread"], "a.test b.test", "{client}");
    }
    assert!(!blank["node"].details.contains_key("unread"));
}

#[test]
fn why_is_said() {
    let set = [("HTTPS_PROXY", "p:1"), ("NO_PROXY", "a.test")];
    let through = &chosen("https://x.test/", &set)["curl"];
    assert_eq!((through.proxy.as_deref(), &through.details["variable"][..]), (Some("http://p:1"), "HTTPS_PROXY"));
    let listed = &chosen("https://a.test/", &set)["curl"];
    assert_eq!((&listed.details["variable"][..], &listed.details["entry"][..]), ("NO_PROXY", "a.test"));
    assert_eq!(chosen("https://localhost/", &set)["go"].details["entry"], "loopback");
    let cgi = chosen("http://x.test/", &[("HTTP_PROXY", "p:1"), ("REQUEST_METHOD", "GET")]);
    assert!(cgi["go"].details["unusable"].contains("CGI"));
    let without_switch = choose(&["https://x.test/".to_owned()], &environment(&set)).unwrap();
    let node = without_switch.iter().find(|choice| choice.client == "node").unwrap();
    assert_eq!((node.proxy.as_deref(), &node.details["switched-off"][..]), (None, "NODE_USE_ENV_PROXY"));
}

#[test]
fn credentials_are_not_shown_and_ports_are_those_that_are_used() {
    let set = |value: &'static str| chosen("https://x.test/", &[("https_proxy", value)]);
    for (value, curl, go) in [
        ("http://u:p%40ss@p.test:3128/", "http://p.test:3128", "http://p.test:3128"),
        ("p.test", "http://p.test:1080", "http://p.test:80"),
        ("https://u@p.test", "https://p.test:443", "https://p.test:443"),
        ("socks5://u:p@p.test", "socks5://p.test:1080", "socks5://p.test:1080"),
        ("http://[::1]:8080", "http://[::1]:8080", "http://[::1]:8080"),
        ("http://u:se@cret@p.test:1", "http://p.test:1", "http://p.test:1"),
    ] {
        let chosen = set(value);
        assert_eq!(chosen["curl"].proxy.as_deref(), Some(curl));
        assert_eq!(chosen["go"].proxy.as_deref(), Some(go));
    }
    assert_eq!(set("http://secret word")["curl"].proxy.as_deref(), Some("http://(unreadable)"));
}

#[test]
fn what_is_no_url_is_invalid() {
    for bad in ["example.com", "ftp://a.test/", "http://"] {
        assert_eq!(choose(&[bad.to_owned()], &Environment::default()).unwrap_err().kind, "invalid", "{bad}");
    }
    assert!(curls("a.test:443", &environment(&[("HTTP_PROXY", "p:1")])).unwrap().is_none());
    let set = environment(&[("https_proxy", "http://u:p@p:1")]);
    assert_eq!(curls("a.test:443", &set).unwrap().unwrap(), ("http://u:p@p:1".to_owned(), "https_proxy".to_owned()));
}
