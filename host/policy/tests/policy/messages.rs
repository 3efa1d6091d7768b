use crate::support::Case;
use seaworthy_policy::ErrorKind;

fn with_check(more: &str) -> String {
    format!("version = 1\n[[check]]\nid = 'a'\nuse = 'bundled:net/tcp'\n{more}\n")
}

#[test]
fn an_unknown_key_shows_its_line_and_the_likely_one() {
    assert_eq!(
        Case::file("version = 1\n\n[run]\ntimeot = \"5s\"\n").load_error(),
        "checks.toml:4:1: unknown key `timeot` in [run]\n   |\n 4 | timeot = \"5s\"\n   | ^^^^^^\n   = help: did you mean `timeout`?"
    );
}

#[test]
fn print() {
    for text in [
        "version = 1\n[checks]\n",
        "version = 1\n[run]\ntimeout = 5\ndeadline = 'soon'\n",
        "version = 1\n[vars]\nkey = { env = 'K', type = 'secret', default = 'hunter2' }\nt = { env = 'GH_TOKEN', type = 'string' }\nx = {type='prot'}\ny={env='Y',type='port',default='1'}\n",
        "version = 1\n[targets.s3]\nkind = 's3'\ncredentials = { key = 'AKIAhunter2' }\n",
        "version = 1\n[tiers.p2p]\nadapter = 'p2p'\nsecret = 'hunter2'\n",
        "version = 1\n[[waiver]]\ncheck = 'env.variables'\ncode = 'x'\nexpires = '31.12.2026'\n",
        "version = 1\n[[waiver]]\ncheck = 'env.variables'\ncode = 'x'\nreason='r'\nowner='o'\nexpires = 2027-12-31\n",
        "version = 1\n[[check]]\nid='a'\nuse='bundled:x'\nneeds=['b']\n[[check]]\nid='b'\nuse='bundled:x'\nneeds=['c?']\n[[check]]\nid='c'\nuse='bundled:x'\nneeds=['a']\n[[check]]\nid='d'\nuse='bundled:x'\nneeds=['a','e']",
        "version = 2\nfoo = 1\n",
        "version = 1\nrequires-tool = '>=1.2, <2'\nfoo=1",
        "version = 1\n[baseline]\nfile = 'x'\n",
        "version = 1\n[plugins.a]\nsource = 'oci:ghcr.io/x'\n[plugins.b]\nsource='http://x'\n[plugins.c]\nsource='file:x'\ndigest='abc'\ngrant.net=['x']\ngrant.nets=[]\nlimits={fuel=1}",
        "version = 1\n[run\n",
        "[run]\n",
        "version = 1\n[[output]]\nformat='sarif'\npath='-'\n[[output]]\nformat='jason'\npath='-'\n",
        "version = 1\n[profile.a]\ninherits='b'\n[profile.b]\ninherits='a'\n[profile.c]\ninherits='defualt'\n",
        "version = 1\n[gate]\nrequire=['net.conectivity']\nfail-on={status=['fial']}\non-flaky='warn'\n",
    ] {
        println!("{}\n------", Case::file(text).load_error());
    }
    for more in [
        "when = 'in-contaner'",
        "when = 'a ='",
        "when = \"network-mode = 'host'\"",
        "when = '(os'",
        "with = { a = '${nope}', b = '${shared-secret}', c = 'x${peers}' }",
        "target='p2'\nneeds=['b']\nexpect={x={}}\nuse2=1",
        "use='x'",
    ] {
        println!("{}\n------", Case::file(&with_check(more)).load_error());
    }
    let _ = ErrorKind::Flag;
}
