//! Keys that nobody uses, made at run time from a printed seed. Every five characters of their
//! bodies occur once over all of them, so that a few characters tell whose they are.

use std::{
    collections::{BTreeSet, HashSet},
    time::{SystemTime, UNIX_EPOCH},
};

/// The variable that repeats the run of a printed seed.
const SEED_VARIABLE: &str = "STALEKEY_LEAK_SEED";
/// What every key of OpenAI's holds in its middle; public.
const MARKER: &str = concat!("T3Blb", "kFJ");

/// The forms that keys come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    OpenaiProject,
    OpenaiLegacy,
    Anthropic,
    /// 32 hex digits, no prefix.
    Azure,
    Gemini,
    Openrouter,
    /// A passphrase of twelve characters.
    Opaque,
    OpaqueLineEnds,
    OpaqueUtf8,
    OpaqueEscape,
    /// 64 hex digits; nothing of it may be shown.
    TeamKey,
}

impl Format {
    pub(crate) const ALL: [Self; 11] = [
        Self::OpenaiProject,
        Self::OpenaiLegacy,
        Self::Anthropic,
        Self::Azure,
        Self::Gemini,
        Self::Openrouter,
        Self::Opaque,
        Self::OpaqueLineEnds,
        Self::OpaqueUtf8,
        Self::OpaqueEscape,
        Self::TeamKey,
    ];

    const fn prefix(self) -> &'static str {
        match self {
            Self::OpenaiProject => "sk-proj-",
            Self::OpenaiLegacy => "sk-",
            Self::Anthropic => "sk-ant-api03-",
            Self::Gemini => "AIza",
            Self::Openrouter => "sk-or-v1-",
            _ => "",
        }
    }

    /// Characters of the body that may be shown at its head and at its tail (SECURITY M2, M3).
    const fn shown(self) -> (usize, usize) {
        match self {
            Self::OpenaiProject | Self::Openrouter => (0, 4),
            Self::OpenaiLegacy => (5, 4),
            Self::Anthropic => (3, 4),
            Self::Azure | Self::Gemini => (4, 4),
            _ => (0, 0),
        }
    }

    pub(crate) const fn is_hex(self) -> bool {
        matches!(self, Self::Azure | Self::Openrouter | Self::TeamKey)
    }

    pub(crate) const fn is_opaque(self) -> bool {
        let (head, tail) = self.shown();
        head + tail == 0
    }
}

/// One key.
#[derive(Clone)]
pub(crate) struct Canary {
    /// Where it stands; what a failure is told by.
    pub(crate) label: String,
    pub(crate) format: Format,
    pub(crate) body: Vec<u8>,
    /// The parts of the body that all keys of the format share.
    pub(crate) public: BTreeSet<usize>,
}

impl Canary {
    /// The whole key.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        [self.format.prefix().as_bytes(), &self.body].concat()
    }

    /// The whole key as text; every format's is UTF-8.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.bytes()).expect("canaries are UTF-8")
    }

    /// Indexes of the body that the mask may show.
    pub(crate) fn allowed(&self) -> BTreeSet<usize> {
        let (head, tail) = self.format.shown();
        (0..head).chain(self.body.len() - tail..self.body.len()).collect()
    }

    /// The mask that a recognised key is shown by.
    pub(crate) fn mask(&self) -> String {
        let (head, tail) = self.format.shown();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let tail = &self.body[self.body.len() - tail..];
        format!("{}{}…{}", self.format.prefix(), text(&self.body[..head]), text(tail))
    }

    /// Every run of characters that tells whose it is, with where it starts.
    pub(crate) fn grams(&self) -> impl Iterator<Item = (usize, &[u8])> {
        self.body.windows(self.gram()).enumerate().filter(|(start, gram)| {
            let public = (*start..start + gram.len()).filter(|at| self.public.contains(at)).count();
            public + 3 <= gram.len()
        })
    }

    /// How many characters in a row tell whose they are.
    pub(crate) const fn gram(&self) -> usize {
        if self.format.is_hex() { 8 } else { 5 }
    }
}

/// Makes canaries, and keeps them all.
pub(crate) struct Mint {
    state: u64,
    seen: HashSet<Vec<u8>>,
    pub(crate) kept: Vec<Canary>,
}

impl Mint {
    /// The seed is printed: a failed run can be repeated.
    pub(crate) fn new() -> Self {
        let seed = std::env::var(SEED_VARIABLE).ok().and_then(|text| text.parse().ok());
        let seed = seed.unwrap_or_else(|| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
            now.as_secs() << 20 ^ u64::from(now.subsec_nanos())
        });
        println!("{SEED_VARIABLE}={seed}");
        Self::seeded(seed)
    }

    pub(crate) fn seeded(seed: u64) -> Self {
        Self { state: seed, seen: HashSet::new(), kept: Vec::new() }
    }

    /// A new key.
    pub(crate) fn make(&mut self, format: Format, label: &str) -> Canary {
        for _ in 0..1000 {
            let (body, public) = self.body(format);
            let canary = Canary { label: label.to_owned(), format, body, public };
            if let Some(grams) = self.new_grams(&canary) {
                self.seen.extend(grams);
                self.kept.push(canary.clone());
                return canary;
            }
        }
        panic!("no more keys of {format:?}");
    }

    /// Its grams, when none of them was ever seen, neither forwards nor backwards.
    fn new_grams(&self, canary: &Canary) -> Option<Vec<Vec<u8>>> {
        let mut own = HashSet::new();
        for (_, gram) in canary.grams() {
            let backwards: Vec<u8> = gram.iter().rev().copied().collect();
            if self.seen.contains(gram) || own.contains(gram) || own.contains(&backwards) {
                return None;
            }
            own.insert(gram.to_vec());
            own.insert(backwards);
        }
        Some(own.into_iter().collect())
    }

    fn body(&mut self, format: Format) -> (Vec<u8>, BTreeSet<usize>) {
        let marked = |mint: &mut Self, length: usize| {
            let text = [mint.mixed(length), MARKER.into(), mint.mixed(length)].concat();
            (text, (length..length + MARKER.len()).collect())
        };
        let own = match format {
            Format::OpenaiProject => return marked(self, 74),
            Format::OpenaiLegacy => return marked(self, 20),
            Format::Anthropic => {
                return ([self.mixed(93), b"AA".to_vec()].concat(), [93, 94].into());
            }
            Format::Azure => self.hex(32),
            Format::Openrouter | Format::TeamKey => self.hex(64),
            Format::Gemini => self.mixed(35),
            Format::Opaque => self.mixed(12),
            Format::OpaqueLineEnds => {
                let text = [&self.mixed(9)[..], b"\r\n", &self.mixed(9), b"\r"].concat();
                return (text, [9, 10, 20].into());
            }
            Format::OpaqueUtf8 => {
                let wide = "é\u{200b}".as_bytes();
                let text = [&self.mixed(9), wide, &self.mixed(9), "名".as_bytes()].concat();
                return (text, (9..9 + wide.len()).chain(23..26).collect());
            }
            Format::OpaqueEscape => {
                let copy = b"\x1b]52;c;";
                let text = [&self.mixed(9), &copy[..], &self.mixed(9), b"\x07\x1bc"].concat();
                return (text, (9..9 + copy.len()).chain(25..28).collect());
            }
        };
        (own, BTreeSet::new())
    }

    /// Lower case, upper case, digit, and again: no word of a text looks like that.
    fn mixed(&mut self, length: usize) -> Vec<u8> {
        let start = self.below(3);
        (start..start + length)
            .map(|index| match index % 3 {
                0 => b'a' + self.below(26) as u8,
                1 => b'A' + self.below(26) as u8,
                _ => b'0' + self.below(10) as u8,
            })
            .collect()
    }

    /// Letter, digit, and again: no number looks like that.
    fn hex(&mut self, length: usize) -> Vec<u8> {
        (0..length)
            .map(|index| match index % 2 {
                0 => b'a' + self.below(6) as u8,
                _ => b'0' + self.below(10) as u8,
            })
            .collect()
    }

    fn below(&mut self, limit: usize) -> usize {
        // SplitMix64.
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ mixed >> 31) % limit as u64) as usize
    }
}
