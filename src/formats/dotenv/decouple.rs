//! Python's `python-decouple` 3.8 (`RepositoryEnv`): lines with `=`, and one pair of quotes.

use crate::formats::{
    Contents, Environment, Refusal,
    dotenv::{
        characters::{is_python_space, leading, trim_end},
        collector::Collector,
        source::{Decoding, Invalid, Returns, Source},
    },
};

/// Reads a file as `RepositoryEnv` does.
pub(super) fn read(bytes: &[u8], environment: &Environment) -> Result<Contents, Refusal> {
    let decoding = Decoding {
        drops_byte_order_mark: false,
        invalid: Invalid::Refused,
        returns: Returns::Newlines,
    };
    let source = Source::decode(bytes, decoding)?;
    let mut collector = Collector::new(&source, environment);
    let mut at = 0;
    for line in source.text().split(|byte| *byte == b'\n') {
        let start = leading(line, is_python_space);
        let text = trim_end(&line[start..], is_python_space);
        let sign = memchr::memchr(b'=', text);
        if let Some(sign) = sign.filter(|_| text.first() != Some(&b'#')) {
            let name = trim_end(&text[..sign], is_python_space);
            let value = &text[sign + 1..];
            let indent = leading(value, is_python_space);
            let value = &value[indent..];
            let (quote, value) = match value {
                [b'\'', inner @ .., b'\''] | [b'"', inner @ .., b'"'] => (1, inner),
                value => (0, value),
            };
            let value_at = at + start + sign + 1 + indent + quote;
            collector.assign(std::str::from_utf8(name).unwrap_or_default(), value_at, value);
        } else if !text.is_empty() && text.first() != Some(&b'#') {
            collector.problem(at + start, "a line without `=`; decouple passes it over");
        }
        at += line.len() + 1;
    }
    Ok(collector.finish())
}
