//! Between here and a provider: names, connections, certificates and proxies. Each failure has its own
//! reason and its own next step, and no key gets further than it.

#[path = "support/context.rs"]
mod context;
#[path = "support/contract.rs"]
mod contract;
#[path = "support/inventory.rs"]
mod inventory;
#[expect(dead_code, reason = "the fixture serves several programs")]
#[path = "support/provider.rs"]
mod provider;
#[path = "support/proxy.rs"]
mod proxy;
#[path = "support/tls.rs"]
mod tls;

use std::{
    collections::BTreeSet,
    io::Read as _,
    net::{TcpListener, TcpStream},
    thread,
};

use rstest::rstest;

use context::{Report, TestContext};
use contract::{validate, verdicts};
use inventory::dotenv;
use provider::Provider;
use proxy::{Manner, Proxy};
use tls::{Authority, EARLY, EXPIRED, Issuer, VALID, Validity};

/// Two files: a new key, which the provider accepts, and an old one.
struct Scene {
    context: TestContext,
    new: String,
}

impl Scene {
    fn new() -> Self {
        let context = TestContext::new();
        let (new, old) = (context.key("new"), context.key("old"));
        context.write("new.env", format!("OPENAI_API_KEY={new}\n"));
        context.write("old.env", format!("OPENAI_API_KEY={old}\n"));
        context.inventory(&(dotenv("new.env") + &dotenv("old.env")));
        Self { context, new }
    }

    fn with(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.context = self.context.with(name, value);
        self
    }

    /// At the provider's own address, or at a typed one.
    fn check(&self, endpoint: Option<&str>) -> Report {
        let endpoint = endpoint.map(|endpoint| format!("--endpoint=openai={endpoint}"));
        let mut arguments = vec!["check", "--format", "json"];
        arguments.extend(endpoint.as_deref());
        let run = self.context.run(&arguments);
        assert_eq!(run.stderr, "");
        let report = run.json();
        validate(&report);
        report
    }
}

/// Every row tells the reason; one finding for each tells it in words, with the next step.
fn assert_told(report: &Report, reason: &str, step: &str) {
    for row in report.rows() {
        assert_eq!(row["probe"]["outcome"], "unreachable", "{row:#}");
        assert_eq!(row["probe"]["reason"], reason, "{row:#}");
        // Which key is newer shows in the files; what the provider thinks of it does not.
        let undecided = [("unproven", "certain"), ("mismatch", "likely")]
            .map(|(verdict, sure)| row["verdict"] == verdict && row["certainty"] == sure);
        assert!(undecided.contains(&true), "a failure on the way is no verdict: {row:#}");
    }
    let told = report.0["diagnoses"].as_array().expect("findings").iter();
    let told: Vec<_> = told.filter(|finding| finding["code"] == "SK504").collect();
    assert_eq!(told.len(), 2, "{:#}", report.0["diagnoses"]);
    for finding in told {
        let message = finding["message"].as_str().expect("a message");
        assert!(message.ends_with(&format!(": {reason}.")), "{message}");
        let fix = finding["fixes"][0]["text"].as_str().expect("a fix");
        assert!(fix.contains(step), "{fix}");
    }
}

#[rstest]
#[case::expired(
    Issuer::Ours,
    EXPIRED,
    "localhost",
    "the certificate has expired",
    "a new certificate"
)]
#[case::early(Issuer::Ours, EARLY, "localhost", "the certificate is not valid yet", "clock")]
#[case::unknown(
    Issuer::Unknown,
    VALID,
    "localhost",
    "the certificate's issuer is not trusted here",
    "SSL_CERT_FILE"
)]
#[case::namesake(
    Issuer::Namesake,
    VALID,
    "localhost",
    "the certificate's issuer is not trusted here",
    "SSL_CERT_FILE"
)]
#[case::itself(
    Issuer::Itself,
    VALID,
    "localhost",
    "the certificate's issuer is not trusted here",
    "SSL_CERT_FILE"
)]
#[case::name(
    Issuer::Ours,
    VALID,
    "other.example",
    "the certificate is for another name",
    "the host's name"
)]
fn a_bad_certificate_is_told_by_what_is_wrong_with_it(
    #[case] issuer: Issuer,
    #[case] validity: Validity,
    #[case] host: &str,
    #[case] reason: &str,
    #[case] step: &str,
) {
    let Some(authority) = Authority::new() else { return };
    let scene = Scene::new().with("SSL_CERT_FILE", authority.root());
    let provider = authority.provider(host, issuer, validity, &[&scene.new]);
    let report = scene.check(Some(&format!("https://localhost:{}/v1", provider.port())));
    assert_told(&report, reason, step);
    assert!(provider.asked().is_empty(), "nothing is said before the certificate is good");
}

#[rstest]
#[case::file("SSL_CERT_FILE")]
#[case::folder("SSL_CERT_DIR")]
fn roots_come_from_the_environment_and_are_shown(#[case] variable: &str) {
    let Some(authority) = Authority::new() else { return };
    let place =
        if variable == "SSL_CERT_FILE" { authority.root() } else { authority.roots_folder() };
    let scene = Scene::new().with(variable, &place);
    let provider = authority.provider("localhost", Issuer::Ours, VALID, &[&scene.new]);
    let endpoint = format!("https://localhost:{}/v1", provider.port());
    let report = scene.check(Some(&endpoint));
    assert_eq!(verdicts(&report), [("new.env", "current"), ("old.env", "stale")]);
    let facts = &report.0["endpoints"][format!("{endpoint}/models")];
    assert_eq!(facts["proxy"], serde_json::Value::Null);
    let place = place.to_str().expect("a path of text");
    let roots = serde_json::json!([{"variable": variable, "value": place}]);
    assert_eq!(facts["roots"], roots, "{:#}", report.0["endpoints"]);
    assert_eq!(facts["latencies_ms"].as_array().map(Vec::len), Some(2));
    let table = scene.context.run(&["check", &format!("--endpoint=openai={endpoint}")]).stdout;
    assert!(table.contains(&format!("note: CA from {variable} {place}\n")), "{table}");
}

#[rstest]
#[case::gone("/nowhere/at/all.pem")]
#[case::empty("")]
fn without_roots_nothing_is_asked(#[case] place: &str) {
    let scene = Scene::new().with("SSL_CERT_FILE", place);
    let report = scene.check(Some("https://localhost:9/v1"));
    assert_told(&report, "no root certificates to check the host against", "SSL_CERT_FILE");
    assert_eq!(report.0["summary"]["requests"], 0);
}

#[test]
fn a_port_without_tls_is_told() {
    let Some(authority) = Authority::new() else { return };
    let scene = Scene::new().with("SSL_CERT_FILE", authority.root());
    let provider = Provider::behind(&[], |stream: TcpStream| {
        // A server of plain HTTP complains about the first bytes that it cannot read.
        (&stream).read_exact(&mut [0; 64]).ok()?;
        std::io::Write::write_all(&mut &stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").ok()?;
        None::<TcpStream>
    });
    let report = scene.check(Some(&format!("https://localhost:{}/v1", provider.port())));
    assert_told(&report, "the TLS handshake failed", "Check the port");
}

/// A server that treats every connection like this.
fn server(treat: fn(TcpStream)) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || listener.incoming().flatten().for_each(treat));
    port
}

#[rstest]
#[case::silent(|stream| std::mem::forget(stream), "no answer in time", "firewall")]
#[case::closed(drop, "the connection broke", "Ask again")]
fn a_bad_connection_is_told(
    #[case] treat: fn(TcpStream),
    #[case] reason: &str,
    #[case] step: &str,
) {
    let scene = Scene::new();
    let text = std::fs::read_to_string(scene.context.path("stalekey.toml")).expect("the inventory");
    let quick = text.replace("[settings]\n", "[settings]\ntimeout = \"1s\"\n");
    scene.context.write("stalekey.toml", quick);
    let report = scene.check(Some(&format!("http://127.0.0.1:{}/v1", server(treat))));
    assert_told(&report, reason, step);
}

#[test]
fn nobody_listening_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    let report = Scene::new().check(Some(&format!("http://127.0.0.1:{port}/v1")));
    assert_told(&report, "connection refused", "something listens");
}

#[test]
fn a_name_that_does_not_resolve_is_told() {
    let report = Scene::new().check(Some("https://stalekey-test.invalid/v1"));
    assert_told(&report, "the host name does not resolve", "the resolver");
}

/// `api.openai.com`, as far as this machine can be it: a proxy that leads there, and a certificate.
fn at_home<'a>(keys: &[&str], authority: &'a Authority) -> (Provider, &'a Authority) {
    (authority.provider("api.openai.com", Issuer::Ours, VALID, keys), authority)
}

#[test]
fn a_proxy_leads_to_the_provider_and_sees_no_key() {
    let Some(authority) = Authority::new() else { return };
    let scene = Scene::new();
    let (provider, authority) = at_home(&[&scene.new], &authority);
    let proxy = Proxy::start(Manner::Tunnel(provider.port()));
    let scene = scene
        .with("SSL_CERT_FILE", authority.root())
        .with("HTTPS_PROXY", format!("http://{}", proxy.address()));
    let report = scene.check(None);
    assert_eq!(verdicts(&report), [("new.env", "current"), ("old.env", "stale")]);
    let facts = &report.0["endpoints"]["https://api.openai.com/v1/models"];
    let shown = format!("http://{}", proxy.address());
    let expected = serde_json::json!({"variable": "HTTPS_PROXY", "value": shown});
    assert_eq!(facts["proxy"], expected);
    for request in proxy.asked() {
        assert!(request.starts_with("CONNECT api.openai.com:443 HTTP/1.1\r\n"), "{request}");
        assert!(!request.to_ascii_lowercase().contains("authorization"), "{request}");
    }
    let table = scene.context.run(&["check"]).stdout;
    let note =
        format!("note: asked through the proxy {shown} (from HTTPS_PROXY); this key will be");
    assert!(table.contains(&note), "{table}");
}

#[test]
fn sixty_layers_with_three_keys_are_three_requests_and_offline_is_none() {
    let Some(authority) = Authority::new() else { return };
    let context = TestContext::new();
    let keys = ["one", "two", "three"].map(|name| context.key(name));
    let (provider, authority) = at_home(&[&keys[0]], &authority);
    let proxy = Proxy::start(Manner::Tunnel(provider.port()));
    let layers = (0..60).map(|number| {
        let file = format!("services/{number}.env");
        context.write(&file, format!("OPENAI_API_KEY={}\n", keys[number % 3]));
        dotenv(&file)
    });
    context.inventory(&layers.collect::<String>());
    let scene = Scene { context, new: String::new() }
        .with("SSL_CERT_FILE", authority.root())
        .with("HTTPS_PROXY", format!("http://{}", proxy.address()));
    let run = scene.context.run(&["check", "--offline", "--format", "json"]).json();
    assert_eq!((&run.0["summary"]["requests"], proxy.asked().len()), (&0.into(), 0));

    let report = scene.check(None);
    let summary = &report.0["summary"];
    assert_eq!((&summary["requests"], &summary["extra_requests"]), (&3.into(), &0.into()));
    assert_eq!(summary["verdicts"], serde_json::json!({"current": 20, "stale": 40}));
    let asked = provider.asked();
    assert_eq!(asked.len(), 3, "a 401 is not repeated");
    let asked: BTreeSet<String> = asked.into_iter().flatten().collect();
    assert_eq!(asked, keys.into_iter().collect());
}

/// `me:word`, in base64.
const PASSWORD: &str = "bWU6d29yZA==";

#[test]
fn the_proxys_password_is_taken_from_its_variable_and_not_shown() {
    let Some(authority) = Authority::new() else { return };
    let scene = Scene::new();
    let (provider, authority) = at_home(&[&scene.new], &authority);
    let proxy = Proxy::start(Manner::Password(provider.port(), PASSWORD));
    let scene = scene
        .with("SSL_CERT_FILE", authority.root())
        .with("HTTPS_PROXY", format!("http://me:word@{}", proxy.address()));
    let report = scene.check(None);
    assert_eq!(verdicts(&report), [("new.env", "current"), ("old.env", "stale")]);
    assert!(!report.0.to_string().contains("me:word"));

    let scene = scene.with("HTTPS_PROXY", format!("http://{}", proxy.address()));
    let report = scene.check(None);
    assert_told(&report, "the proxy wants a user and a password", "USER:PASSWORD");
}

#[rstest]
#[case::forbidden(Manner::Status(403), "the proxy gives no connection to the host", "NO_PROXY")]
#[case::gateway(Manner::Status(502), "the proxy gives no connection to the host", "NO_PROXY")]
#[case::password(Manner::Status(407), "the proxy wants a user and a password", "USER:PASSWORD")]
#[case::closing(Manner::Close, "the proxy gives no connection to the host", "NO_PROXY")]
fn a_proxy_that_refuses_is_told(#[case] manner: Manner, #[case] reason: &str, #[case] step: &str) {
    let Some(authority) = Authority::new() else { return };
    let proxy = Proxy::start(manner);
    let scene = Scene::new()
        .with("SSL_CERT_FILE", authority.root())
        .with("ALL_PROXY", format!("http://{}", proxy.address()));
    assert_told(&scene.check(None), reason, step);
    assert!(!proxy.asked().is_empty());
}

#[rstest]
#[case::nobody("http://127.0.0.1:9", "the proxy cannot be reached", "Correct the proxy")]
#[case::no_name(
    "http://stalekey-test.invalid:3128",
    "the proxy cannot be reached",
    "Correct the proxy"
)]
#[case::socks(
    "socks5://127.0.0.1:9",
    "the environment names a kind of proxy that is not spoken",
    "http:// or https://"
)]
fn a_proxy_that_is_not_there_is_told(
    #[case] address: &str,
    #[case] reason: &str,
    #[case] step: &str,
) {
    let Some(authority) = Authority::new() else { return };
    let scene = Scene::new().with("SSL_CERT_FILE", authority.root()).with("HTTPS_PROXY", address);
    assert_told(&scene.check(None), reason, step);
}

#[test]
fn a_proxy_that_opens_tls_is_named() {
    let Some(authority) = Authority::new() else { return };
    let scene = Scene::new();
    let provider = authority.provider("api.openai.com", Issuer::Unknown, VALID, &[&scene.new]);
    let proxy = Proxy::start(Manner::Tunnel(provider.port()));
    let scene = scene
        .with("SSL_CERT_FILE", authority.root())
        .with("HTTPS_PROXY", format!("http://{}", proxy.address()));
    let step = format!("The proxy http://{} may open TLS", proxy.address());
    assert_told(&scene.check(None), "the certificate's issuer is not trusted here", &step);
    assert!(provider.asked().is_empty(), "it got no key");
}

/// A provider whose regions do not know each other's keys.
const REGIONAL: &str = r#"
id = "regional"
name = "Regional"
confidence = "high"
sources.own = "this test"
variables = ["OPENAI_API_KEY"]
base_url_variables = ["REGIONAL_SITE"]
endpoint = "https://us.regional.test/v1"
regions.us = "https://us.regional.test/v1"
regions.eu = "https://eu.regional.test/v1"
regions_apart = true
dashboard = "https://regional.test/keys"
rotation = "Make a second key first."

[probe]
path = "/models"
header = "Authorization"
scheme = "bearer"

[success]
status = 200
when = { pointer = "/data", exists = true }
meaning = "Accepted."
source = "own"

[[answers]]
status = 401
outcome = "dead"
meaning = "Unknown in this region."
advice = "Make a new key."
source = "own"
"#;

/// A living key is never called dead: one of another region is refused like a deleted one.
#[test]
fn a_refusal_judges_a_key_only_where_the_region_is_known() {
    let Some(authority) = Authority::new() else { return };
    let context = TestContext::new();
    context.write("home/.config/stalekey/providers/regional.toml", REGIONAL);
    let key = "a-key-of-the-european-region-0001";
    context.write("somewhere.env", format!("OPENAI_API_KEY={key}\n"));
    context.write("there.env", format!("OPENAI_API_KEY={key}\nREGIONAL_SITE=us\n"));
    let head = "version = 1\n[credentials.openai]\nprovider = \"regional\"\n";
    let rest = dotenv("somewhere.env") + &dotenv("there.env");
    context.write("stalekey.toml", format!("{head}[environments.production]\n{rest}"));
    // No form of its keys is known, so that any value could be meant by it.
    context.trust(&[]);
    let provider = authority.provider("us.regional.test", Issuer::Ours, VALID, &[]);
    let proxy = Proxy::start(Manner::Tunnel(provider.port()));
    let scene = Scene { context, new: String::new() }
        .with("SSL_CERT_FILE", authority.root())
        .with("HTTPS_PROXY", format!("http://{}", proxy.address()));
    let report = scene.check(None);
    let outcome = |layer: &str| report.row(layer)["probe"]["outcome"].clone();
    assert_eq!((outcome("somewhere.env"), outcome("there.env")), ("unknown".into(), "dead".into()));
    assert_eq!(report.row("somewhere.env")["verdict"], "unproven");
    let table = scene.context.run(&["check"]).stdout;
    assert!(table.contains("Name the region: REGIONAL_SITE in the layer"), "{table}");
    assert_eq!(provider.asked().len(), 2, "one question in each run");
}
