//! Keys and inventories for the runs.

use crate::context::TestContext;

/// What every inventory of these tests begins with.
const HEAD: &str = "version = 1\n[settings]\nin_flight_per_host = 8\nrequests_per_second = 200\n\
                    [credentials.openai]\nprovider = \"openai\"\n[environments.production]\n";

impl TestContext {
    /// A synthetic key of OpenAI's project format, the same for the same name.
    pub(crate) fn key(&self, name: &str) -> String {
        let key = format!("sk-proj-{}T3BlbkFJ{}", letters(name, 1), letters(name, 2));
        self.must_not_show(&key);
        key
    }

    /// Writes `stalekey.toml`: an `openai` credential, a `production` environment and this. What it
    /// asks for is trusted.
    pub(crate) fn inventory(&self, rest: &str) {
        self.write("stalekey.toml", format!("{HEAD}{rest}"));
        self.trust(&[]);
    }

    /// Trusts all that the inventory asks for now, and what reading it finds, as a person would.
    pub(crate) fn trust(&self, more: &[&str]) {
        while let Some(digests) = self.asked(more) {
            let accepted = self.run(&[&["trust", "--accept", &digests], more].concat());
            assert!(matches!(accepted.code, Some(0 | 4)), "{accepted:?}");
        }
    }

    fn asked(&self, more: &[&str]) -> Option<String> {
        let asked = self.run(&[&["trust"], more].concat());
        let (_, digests) =
            asked.stdout.split_once("--accept ").filter(|_| asked.code == Some(4))?;
        digests.split_whitespace().next().map(str::to_owned)
    }
}

/// A dotenv layer in production; its name is that of its file.
pub(crate) fn dotenv(file: &str) -> String {
    layer(file, &format!("kind = \"dotenv\"\npath = \"{file}\"\n"))
}

/// Any layer in production.
pub(crate) fn layer(name: &str, rest: &str) -> String {
    format!("[[layers]]\nname = \"{name}\"\nenvironment = \"production\"\n{rest}")
}

/// 74 letters and digits that depend on the name.
fn letters(name: &str, part: u64) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut state = name.bytes().fold(part, |state, byte| {
        state.wrapping_mul(0x0100_0000_01B3).wrapping_add(u64::from(byte) + 1)
    });
    (0..74)
        .map(|_| {
            state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
            char::from(LETTERS[(state >> 33) as usize % LETTERS.len()])
        })
        .collect()
}
