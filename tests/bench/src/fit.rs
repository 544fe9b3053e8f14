//! How a figure grows with the number of objects. No I/O.

/// The straight line that fits the points best, by least squares.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    pub at_zero: f64,
    pub slope: f64,
}

impl Line {
    pub fn at(self, x: f64) -> f64 {
        self.at_zero + self.slope * x
    }
}

/// `None` with fewer than two different `x`.
pub fn line(points: &[(f64, f64)]) -> Option<Line> {
    let count = points.len() as f64;
    let mean = |value: fn(&(f64, f64)) -> f64| points.iter().map(value).sum::<f64>() / count;
    let (mean_x, mean_y) = (mean(|point| point.0), mean(|point| point.1));
    let spread: f64 = points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    let together: f64 = points.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    (spread > 0.0).then(|| {
        let slope = together / spread;
        Line { at_zero: mean_y - slope * mean_x, slope }
    })
}

/// The exponent of growth between two points: 1 is linear, 2 is quadratic.
pub fn exponent((x1, y1): (f64, f64), (x2, y2): (f64, f64)) -> Option<f64> {
    let exponent = (y2 / y1).ln() / (x2 / x1).ln();
    exponent.is_finite().then_some(exponent)
}

pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        odd if odd % 2 == 1 => sorted.get(middle).copied(),
        _ => Some((sorted.get(middle - 1)? + sorted.get(middle)?) / 2.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_on_a_line_give_that_line() {
        let found = line(&[(0.0, 10.0), (100.0, 12.0), (1000.0, 30.0)]).expect("two different x");
        assert!((found.at_zero - 10.0).abs() < 1e-9 && (found.slope - 0.02).abs() < 1e-12, "{found:?}");
        assert!((found.at(10_000.0) - 210.0).abs() < 1e-6);
    }

    #[test]
    fn one_point_gives_no_line() {
        assert_eq!(line(&[]), None);
        assert_eq!(line(&[(5.0, 1.0)]), None);
        assert_eq!(line(&[(5.0, 1.0), (5.0, 2.0)]), None);
    }

    #[test]
    fn twice_the_objects_and_four_times_the_work_is_quadratic() {
        let found = exponent((1000.0, 1.0), (2000.0, 4.0)).expect("positive");
        assert!((found - 2.0).abs() < 1e-9);
        assert_eq!(exponent((1000.0, 0.0), (2000.0, 4.0)), None);
    }

    #[test]
    fn the_median_is_the_middle_or_the_mean_of_the_two_middle_ones() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }
}
