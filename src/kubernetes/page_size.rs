//! How many objects the next page of a list asks for: few at first, and more for as long as they are small. No I/O.

/// The first page must not be large, whatever the objects are.
const FIRST: u32 = 10;
const MOST: u32 = 500;
/// A page is in memory twice while it is read. Larger ones save no time: this one takes the API server milliseconds.
const AIM_BYTES: usize = 512 * 1024;
/// A response that grows beyond this is broken off, and the page is asked for again with fewer objects: any number of the
/// largest objects, of 1.5 MB, may come after small ones.
pub const MOST_BYTES: usize = 4 * 1024 * 1024;

/// The limit of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageSize(u32);

impl Default for PageSize {
    fn default() -> Self {
        Self(FIRST)
    }
}

impl PageSize {
    pub fn limit(self) -> u32 {
        self.0
    }

    /// How large the response may be; none for a page of one object, of which there is no smaller one.
    pub fn most_bytes(self) -> Option<usize> {
        (self.0 > 1).then_some(MOST_BYTES)
    }

    /// The page held so many objects in so many bytes.
    #[must_use]
    pub fn after(self, objects: usize, bytes: usize) -> Self {
        let Some(each) = bytes.checked_div(objects) else { return self };
        let fit = u32::try_from(AIM_BYTES / each.max(1)).unwrap_or(MOST);
        // Four times as many at most: the next objects may be others.
        Self(fit.clamp(1, MOST).min(self.0.saturating_mul(4)))
    }

    /// The page was larger than it may be.
    #[must_use]
    pub fn after_too_large(self) -> Self {
        Self((self.0 / 4).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The limits of the pages of a list whose objects have these sizes, as the API server would answer.
    fn limits(sizes: &[usize]) -> Vec<u32> {
        let (mut size, mut rest, mut limits) = (PageSize::default(), sizes, Vec::new());
        while !rest.is_empty() {
            limits.push(size.limit());
            let count = rest.len().min(size.limit() as usize);
            let bytes: usize = rest[..count].iter().sum();
            size = match size.most_bytes() {
                Some(most) if bytes > most => size.after_too_large(),
                _ => {
                    rest = &rest[count..];
                    size.after(count, bytes)
                }
            };
        }
        limits
    }

    #[test]
    fn ten_thousand_small_objects_take_few_pages() {
        let limits = limits(&[2500; 10_000]);
        assert_eq!(limits[..4], [10, 40, 160, 209]);
        assert!(limits.len() < 55, "{limits:?}");
    }

    #[test]
    fn the_largest_objects_come_one_by_one() {
        assert_eq!(limits(&[1_400_000; 6]), [10, 2, 1, 1, 1, 1]);
    }

    #[test]
    fn no_page_of_large_objects_is_read_whole_after_small_ones() {
        let sizes: Vec<usize> = [vec![2000; 1000], vec![1_400_000; 40], vec![2000; 1000]].concat();
        let limits = limits(&sizes);
        assert!(limits.len() < 80, "{limits:?}");
        let (mut size, mut tried) = (PageSize(MOST), 0);
        while size.most_bytes().is_some() {
            (size, tried) = (size.after_too_large(), tried + 1);
        }
        assert_eq!(tried, 4, "a page that is too large ends at one object");
    }

    #[test]
    fn an_empty_page_changes_nothing() {
        assert_eq!(PageSize(40).after(0, 300), PageSize(40));
    }
}
