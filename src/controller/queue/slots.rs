//! Places with small numbers, which are used again. No I/O.

/// Stays the same for as long as something is there.
pub(super) type Slot = u32;

#[derive(Debug)]
pub(super) struct Slots<T> {
    places: Vec<Option<T>>,
    free: Vec<Slot>,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self { places: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slots<T> {
    pub(super) fn put(&mut self, value: T) -> Slot {
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                self.places.push(None);
                // 4 billion of them do not fit in the memory either.
                Slot::try_from(self.places.len() - 1).unwrap_or(Slot::MAX)
            }
        };
        if let Some(place) = self.places.get_mut(slot as usize) {
            *place = Some(value);
        }
        slot
    }

    pub(super) fn get_mut(&mut self, slot: Slot) -> Option<&mut T> {
        self.places.get_mut(slot as usize)?.as_mut()
    }

    /// The slot may stand for something else next.
    pub(super) fn take(&mut self, slot: Slot) -> Option<T> {
        let value = self.places.get_mut(slot as usize)?.take()?;
        self.free.push(slot);
        Some(value)
    }

    #[cfg(test)]
    pub(super) fn are_empty(&self) -> bool {
        self.places.iter().all(Option::is_none)
    }
}
