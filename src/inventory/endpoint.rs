//! Which addresses an inventory may name (SECURITY H2, T4).

use reqwest::Url;

/// The base address as it will be used, without a slash at its end.
///
/// # Errors
/// What is wrong with it, in a fixed sentence.
pub(super) fn read(text: &str) -> Result<String, &'static str> {
    // The URL parser forgives all of these.
    if !text.is_ascii() && text.chars().any(char::is_whitespace)
        || text.bytes().any(|byte| byte <= b' ' || byte == 0x7f || byte == b'\\')
    {
        return Err("an endpoint has no spaces, control characters or backslashes");
    }
    let url = Url::parse(text).map_err(|_| "an endpoint is a whole address, with https://")?;
    if text.contains('@') {
        return Err("an endpoint has no user name or password");
    }
    if url.query().is_some() {
        return Err("an endpoint has no query");
    }
    if url.fragment().is_some() {
        return Err("an endpoint has no fragment");
    }
    let Some(host) = url.host_str().filter(|host| !host.is_empty()) else {
        return Err("an endpoint is a whole address, with https://");
    };
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    let loopback = host == "localhost" || address.as_ref().is_ok_and(std::net::IpAddr::is_loopback);
    match url.scheme() {
        "https" if address.is_ok() && !loopback => {
            Err("an endpoint has the name of a host, not its address")
        }
        "http" if !loopback => Err("http is for this machine only; an endpoint elsewhere is https"),
        "http" | "https" => Ok(url.as_str().trim_end_matches('/').to_owned()),
        _ => Err("an endpoint is https"),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("https://gateway.example/v1", "https://gateway.example/v1")]
    #[case("https://gateway.example/v1/", "https://gateway.example/v1")]
    #[case("https://bücher.example", "https://xn--bcher-kva.example")]
    #[case("http://127.0.0.1:4000/v1", "http://127.0.0.1:4000/v1")]
    #[case("http://localhost:4000", "http://localhost:4000")]
    #[case("http://[::1]:4000", "http://[::1]:4000")]
    fn right(#[case] text: &str, #[case] used: &str) {
        assert_eq!(read(text).as_deref(), Ok(used));
    }

    #[rstest]
    #[case("http://gateway.example", "http is for this machine")]
    #[case("http://127.0.0.1.example", "http is for this machine")]
    #[case("http://localhost.example", "http is for this machine")]
    #[case("http://10.0.0.1", "http is for this machine")]
    #[case("https://10.0.0.1/v1", "not its address")]
    #[case("https://me:word@gateway.example", "user name")]
    #[case("https://@gateway.example", "user name")]
    #[case("https://gateway.example?", "query")]
    #[case("https://gateway.example/v1?key=1", "query")]
    #[case("https://gateway.example/v1#", "fragment")]
    #[case("ftp://gateway.example", "is https")]
    #[case("file:///etc/passwd", "whole address")]
    #[case("gateway.example", "whole address")]
    #[case("https:\\\\gateway.example", "backslashes")]
    #[case("https://gate\tway.example", "spaces")]
    #[case("", "whole address")]
    fn wrong(#[case] text: &str, #[case] why: &str) {
        let error = read(text).expect_err("refused");
        assert!(error.contains(why), "{error}");
    }
}
