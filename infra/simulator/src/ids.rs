//! Ids, tokens and dice, all drawn from the seed: the same calls in the same order give the same world.

use crate::signature;

/// A seeded source of everything that looks random.
#[derive(Clone, Debug)]
pub(crate) struct Ids {
    seed: u64,
    drawn: u64,
    object: u64,
}

impl Ids {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, drawn: 0, object: 0 }
    }

    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    /// The next object number; they grow.
    pub(crate) fn object(&mut self) -> u64 {
        self.object += 1;
        self.object
    }

    /// An opaque word of `length` letters and digits after `prefix`.
    pub(crate) fn opaque(&mut self, prefix: &str, length: usize) -> String {
        let mut word = prefix.to_owned();
        while word.len() < prefix.len() + length {
            word.push_str(&data_encoding::BASE32_NOPAD.encode(&self.draw()));
        }
        word.truncate(prefix.len() + length);
        word
    }

    /// A number between 0 (included) and 1 (excluded).
    pub(crate) fn chance(&mut self) -> f64 {
        f64::from(u32_of(&self.draw())) / (f64::from(u32::MAX) + 1.0)
    }

    fn draw(&mut self) -> Vec<u8> {
        self.drawn += 1;
        signature::digest(&self.seed.to_be_bytes(), &self.drawn.to_be_bytes())
    }
}

/// A figure between 0 and `below` that depends on the seed and `topic` only.
pub(crate) fn figure(seed: u64, topic: &str, below: u32) -> u32 {
    u32_of(&signature::digest(&seed.to_be_bytes(), topic.as_bytes())) % below.max(1)
}

fn u32_of(bytes: &[u8]) -> u32 {
    bytes.iter().take(4).fold(0, |number, byte| (number << 8) | u32::from(*byte))
}
