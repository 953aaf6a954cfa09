//! Synthetic keys, made when the demo starts: no key stands in the program or in its repository.

use std::io;

use crate::domain::secret::SecretValue;

const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// The keys of the sample environment.
#[derive(Clone)]
pub(super) struct Keys {
    pub production_new: SecretValue,
    pub production_old: SecretValue,
    pub staging_new: SecretValue,
    pub staging_old: SecretValue,
    pub development_new: SecretValue,
    pub development_old: SecretValue,
    pub anthropic: SecretValue,
}

impl Keys {
    pub(super) fn generate() -> io::Result<Self> {
        Ok(Self {
            production_new: openai()?,
            production_old: openai()?,
            staging_new: openai()?,
            staging_old: openai()?,
            development_new: openai()?,
            development_old: openai()?,
            anthropic: anthropic()?,
        })
    }

    /// What the provider accepts; the old keys are revoked.
    pub(super) fn accepted(&self) -> Vec<SecretValue> {
        vec![
            self.production_new.clone(),
            self.staging_new.clone(),
            self.development_new.clone(),
            self.anthropic.clone(),
        ]
    }
}

/// The shape of an OpenAI project key: 74 characters on either side of a fixed marker.
fn openai() -> io::Result<SecretValue> {
    let mut key = b"sk-proj-".to_vec();
    random(74, &mut key)?;
    key.extend_from_slice(b"T3BlbkFJ");
    random(74, &mut key)?;
    Ok(SecretValue::new(key))
}

/// The shape of an Anthropic key: 93 characters and `AA`.
fn anthropic() -> io::Result<SecretValue> {
    let mut key = b"sk-ant-api03-".to_vec();
    random(93, &mut key)?;
    key.extend_from_slice(b"AA");
    Ok(SecretValue::new(key))
}

fn random(count: usize, key: &mut Vec<u8>) -> io::Result<()> {
    let mut bytes = vec![0_u8; count];
    getrandom::fill(&mut bytes).map_err(|_| io::Error::from(io::ErrorKind::Other))?;
    key.extend(bytes.iter().map(|byte| LETTERS[usize::from(*byte) % LETTERS.len()]));
    Ok(())
}
