use super::random::Random;

/// Which of `keys` is asked for: the n-th most popular one in proportion to
/// n to the power of minus the exponent.
///
/// *Behaviour*: takes eight bytes a key, and a binary search a draw.
#[derive(Debug)]
pub(crate) struct Popularity {
    /// Up to each key, the part of all draws; the last is 1.
    up_to: Vec<f64>,
}

impl Popularity {
    /// Exponent 0 makes all equally popular.
    pub(crate) fn new(keys: u32, exponent: f64) -> Self {
        let mut sum = 0.0;
        let mut up_to: Vec<f64> = (1..=keys)
            .map(|rank| {
                sum += f64::from(rank).powf(-exponent);
                sum
            })
            .collect();
        up_to.iter_mut().for_each(|part| *part /= sum);
        Self { up_to }
    }

    /// The number of a key, 0 the most popular.
    pub(crate) fn draw(&self, random: &mut Random) -> usize {
        let at = random.unit();
        self.up_to.partition_point(|part| *part <= at).min(self.up_to.len().saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draws(keys: u32, exponent: f64) -> Vec<u32> {
        let popularity = Popularity::new(keys, exponent);
        let mut random = Random::new(3, 0);
        let mut counts = vec![0; keys as usize];
        for _ in 0..100_000 {
            counts[popularity.draw(&mut random)] += 1;
        }
        counts
    }

    #[test]
    fn the_law_holds() {
        let counts = draws(100, 1.0);
        let ratio = |a: usize, b: usize| f64::from(counts[a]) / f64::from(counts[b]);
        assert!((1.8..2.2).contains(&ratio(0, 1)), "the first is asked for twice as often as the second");
        assert!((8.5..11.5).contains(&ratio(0, 9)), "and ten times as often as the tenth");
    }

    #[test]
    fn without_an_exponent_all_are_equal() {
        let counts = draws(10, 0.0);
        assert!(counts.iter().all(|count| (9_300..10_700).contains(count)), "{counts:?}");
        assert_eq!(draws(1, 2.0), [100_000]);
    }
}
