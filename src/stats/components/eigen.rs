//! Eigenvalues and eigenvectors of a symmetric matrix.

use std::mem;

/// Eigenvalues and eigenvectors of a symmetric matrix, the greatest value first.
#[derive(Clone, Debug, PartialEq)]
pub struct Eigen {
    /// Descending.
    pub values: Vec<f64>,
    /// One row a value: orthonormal. The sign of each is arbitrary.
    pub vectors: Vec<Vec<f64>>,
}

/// Rounds of one eigenvalue; three are usual.
const ROUNDS: usize = 60;

/// Eigenvalues and eigenvectors of a symmetric matrix, given in rows; its upper triangle is not read.
///
/// Householder's reduction to three diagonals, then QL with implicit Wilkinson shifts. Sources: Martin, Reinsch and
/// Wilkinson (1968); Dubrulle, Martin and Wilkinson (1968); the figures are those of LAPACK's `dsyev` up to rounding.
/// O(n^3), about 7 n^3 operations; square roots and the four operations alone, so the same bits on every machine.
/// An empty matrix has none; every value must be finite.
pub fn symmetric_eigen(matrix: &[Vec<f64>]) -> Eigen {
    let n = matrix.len();
    let mut full: Vec<Vec<f64>> = vec![vec![0.0; n]; n];
    for (row, values) in matrix.iter().enumerate() {
        for (column, &value) in values.iter().take(row + 1).enumerate() {
            full[row][column] = value;
            full[column][row] = value;
        }
    }
    let (mut diagonal, mut beside, mut vectors) = tridiagonal(full);
    diagonalize(&mut diagonal, &mut beside, &mut vectors);
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| diagonal[b].total_cmp(&diagonal[a]));
    Eigen {
        values: order.iter().map(|&index| diagonal[index]).collect(),
        vectors: order.iter().map(|&index| mem::take(&mut vectors[index])).collect(),
    }
}

/// Three diagonals of the same eigenvalues: the middle one, the one beside it, and the basis (in rows) in which the
/// matrix has them.
fn tridiagonal(mut a: Vec<Vec<f64>>) -> (Vec<f64>, Vec<f64>, Vec<Vec<f64>>) {
    let n = a.len();
    let mut beside = vec![0.0; n];
    // Reflections I - v v' scale, each by its v and scale.
    let mut reflections: Vec<(Vec<f64>, f64)> = Vec::with_capacity(n);
    for k in 0..n.saturating_sub(2) {
        let mut v: Vec<f64> = a[k + 1..].iter().map(|row| row[k]).collect();
        // Scaled by the greatest, so that squares neither overflow nor vanish.
        let greatest = v.iter().fold(0.0_f64, |greatest, x| greatest.max(x.abs()));
        let below: f64 = v[1..].iter().map(|x| x.abs()).sum();
        if below == 0.0 {
            beside[k] = v[0];
            reflections.push((v, 0.0));
            continue;
        }
        for x in &mut v {
            *x /= greatest;
        }
        let length = dot(&v, &v).sqrt();
        let end = if v[0] > 0.0 { -length } else { length };
        beside[k] = end * greatest;
        v[0] -= end;
        let scale = 2.0 / dot(&v, &v);
        // A <- A - v w' - w v', with w = scale (A v) - half of its part along v.
        let block = &mut a[k + 1..];
        let mut w: Vec<f64> = block.iter().map(|row| scale * dot(&row[k + 1..], &v)).collect();
        let along = 0.5 * scale * dot(&w, &v);
        for (w, v) in w.iter_mut().zip(&v) {
            *w -= along * v;
        }
        for (i, row) in block.iter_mut().enumerate() {
            let (vi, wi) = (v[i], w[i]);
            for ((x, v), w) in row[k + 1..].iter_mut().zip(&v).zip(&w) {
                *x -= vi * w + wi * v;
            }
        }
        reflections.push((v, scale));
    }
    if n > 1 {
        beside[n - 2] = a[n - 1][n - 2];
    }
    let diagonal = a.iter().enumerate().map(|(i, row)| row[i]).collect();
    // The product of all reflections, from the last on, so that each touches its own block alone.
    let mut q: Vec<Vec<f64>> =
        (0..n).map(|i| (0..n).map(|j| if i == j { 1.0 } else { 0.0 }).collect()).collect();
    for (k, (v, scale)) in reflections.iter().enumerate().rev() {
        if *scale == 0.0 {
            continue;
        }
        let block = &mut q[k + 1..];
        let mut s = vec![0.0; n - k - 1];
        for (row, v) in block.iter().zip(v) {
            for (s, x) in s.iter_mut().zip(&row[k + 1..]) {
                *s += v * x;
            }
        }
        for (row, v) in block.iter_mut().zip(v) {
            let factor = scale * v;
            for (x, s) in row[k + 1..].iter_mut().zip(&s) {
                *x -= factor * s;
            }
        }
    }
    // In rows, so that rotations run along memory.
    let basis = (0..n).map(|column| q.iter().map(|row| row[column]).collect()).collect();
    (diagonal, beside, basis)
}

/// Rotates until nothing stands beside the diagonal.
fn diagonalize(d: &mut [f64], e: &mut [f64], basis: &mut [Vec<f64>]) {
    let n = d.len();
    for first in 0..n {
        for _ in 0..ROUNDS {
            let negligible =
                |m: &usize| e[*m].abs() <= f64::EPSILON * (d[*m].abs() + d[*m + 1].abs());
            let last = (first..n - 1).find(negligible).unwrap_or(n - 1);
            if last == first {
                break;
            }
            chase(first, last, d, e, basis);
        }
    }
}

/// One round of rotations over the block from `first` to `last`, from below.
fn chase(first: usize, last: usize, d: &mut [f64], e: &mut [f64], basis: &mut [Vec<f64>]) {
    // The eigenvalue of the upper corner that is nearest to its first element.
    let half = (d[first + 1] - d[first]) / (2.0 * e[first]);
    let root = libm::hypot(half, 1.0);
    let shift = d[first] - e[first] / (half + if half < 0.0 { -root } else { root });
    let mut bulge = d[last] - shift;
    let (mut sine, mut cosine, mut carried) = (1.0, 1.0, 0.0);
    for i in (first..last).rev() {
        let (f, b) = (sine * e[i], cosine * e[i]);
        let length = libm::hypot(f, bulge);
        e[i + 1] = length;
        if length == 0.0 {
            // It falls apart here: the next round takes the parts one by one.
            d[i + 1] -= carried;
            e[last] = 0.0;
            return;
        }
        sine = f / length;
        cosine = bulge / length;
        let g = d[i + 1] - carried;
        let r = (d[i] - g) * sine + 2.0 * cosine * b;
        carried = sine * r;
        d[i + 1] = g + carried;
        bulge = cosine * r - b;
        let (upper, lower) = basis.split_at_mut(i + 1);
        for (x, y) in upper[i].iter_mut().zip(lower[0].iter_mut()) {
            let (a, c) = (*x, *y);
            *y = sine * a + cosine * c;
            *x = cosine * a - sine * c;
        }
    }
    d[first] -= carried;
    e[first] = bulge;
    e[last] = 0.0;
}

/// Eight running sums, so that it is fast without being free to reorder.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut lanes = [0.0; 8];
    let (a_eights, a_rest) = a.as_chunks::<8>();
    let (b_eights, b_rest) = b.as_chunks::<8>();
    for (a, b) in a_eights.iter().zip(b_eights) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += a * b;
        }
    }
    let [a, b, c, d, e, f, g, h] = lanes;
    let sum = ((a + b) + (c + d)) + ((e + f) + (g + h));
    a_rest.iter().zip(b_rest).fold(sum, |sum, (a, b)| sum + a * b)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Strategy, prop, prop_assert, proptest};

    use std::ptr;

    use super::*;

    fn matrices() -> impl Strategy<Value = Vec<Vec<f64>>> {
        (1..24usize)
            .prop_flat_map(|n| prop::collection::vec(prop::collection::vec(-3.0..3.0f64, n), n))
    }

    /// The greatest error of `A v = lambda v` and of orthonormality.
    fn error(matrix: &[Vec<f64>], found: &Eigen) -> f64 {
        let n = matrix.len();
        let at = |i: usize, j: usize| if j <= i { matrix[i][j] } else { matrix[j][i] };
        let mut greatest = 0.0_f64;
        for (value, vector) in found.values.iter().zip(&found.vectors) {
            for i in 0..n {
                let product: f64 = (0..n).map(|j| at(i, j) * vector[j]).sum();
                greatest = greatest.max((product - value * vector[i]).abs());
            }
            for other in &found.vectors {
                let wanted = if ptr::eq(vector, other) { 1.0 } else { 0.0 };
                greatest = greatest.max((dot(vector, other) - wanted).abs());
            }
        }
        greatest
    }

    proptest! {
        #[test]
        fn vectors_are_orthonormal_and_stretched_by_their_values(matrix in matrices()) {
            let found = symmetric_eigen(&matrix);
            prop_assert!(found.values.windows(2).all(|pair| pair[0] >= pair[1]));
            let error = error(&matrix, &found);
            prop_assert!(error < 1e-12, "{}", error);
            let trace: f64 = (0..matrix.len()).map(|i| matrix[i][i]).sum();
            prop_assert!((found.values.iter().sum::<f64>() - trace).abs() < 1e-11);
        }

        #[test]
        fn equal_values_and_zeros_do_no_harm(
            n in 1..20usize,
            ones in prop::collection::vec((0..20usize, 0..20usize), 0..20),
        ) {
            let mut matrix = vec![vec![0.0; n]; n];
            for (i, j) in ones {
                matrix[(i % n).max(j % n)][(i % n).min(j % n)] = 1.0;
            }
            let error = error(&matrix, &symmetric_eigen(&matrix));
            prop_assert!(error < 1e-12, "{}", error);
        }
    }

    #[test]
    fn small_matrices_have_the_values_of_the_textbook() {
        let found = symmetric_eigen(&[vec![2.0], vec![1.0, 2.0]]);
        assert!((found.values[0] - 3.0).abs() < 1e-15 && (found.values[1] - 1.0).abs() < 1e-15);
        assert!((found.vectors[0][0].abs() - 0.5_f64.sqrt()).abs() < 1e-15);
        assert_eq!(symmetric_eigen(&[vec![7.0]]).values, [7.0]);
        assert!(symmetric_eigen(&[]).values.is_empty());
        let huge = symmetric_eigen(&[vec![1e200], vec![1e200, 0.0], vec![1e200, 0.0, 0.0]]);
        assert!(huge.values.iter().all(|value| value.is_finite()), "{huge:?}");
    }
}
