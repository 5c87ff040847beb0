/* Symmetric positive definite systems of T blocks of B x B numbers, of which those further than one or two blocks from
 * the diagonal are zero: block Cholesky along T, then one solve.  float64; O(T B^3) time, in place.
 *
 * diag [N][T][B][B] becomes the factors L[t] (lower triangle); sub [N][T-1][B][B], the blocks (t + 1, t), and far
 * [N][T-2][B][B], the blocks (t + 2, t), become theirs.  Mirrors spareto/mechanistic/reference.py. */
#include <math.h>
#include "memory.h"

/* A = L L' in the lower triangle; 0 if A is not positive definite. */
static int cholesky(double *A, int64_t B) {
    for (int64_t i = 0; i < B; i++) {
        double *row = A + i * B;
        for (int64_t j = 0; j <= i; j++) {
            const double *other = A + j * B;
            double sum = row[j];
            for (int64_t k = 0; k < j; k++) sum -= row[k] * other[k];
            if (i == j) {
                if (!(sum > 0.) || !(sum <= __DBL_MAX__)) return 0;
                row[i] = sqrt(sum);
            } else row[j] = sum / other[j];
        }
    }
    return 1;
}
/* X := X L'^-1, row by row. */
static void behind(double *X, const double *L, int64_t B) {
    for (int64_t i = 0; i < B; i++) {
        double *row = X + i * B;
        for (int64_t j = 0; j < B; j++) {
            double sum = row[j];
            for (int64_t k = 0; k < j; k++) sum -= row[k] * L[j * B + k];
            row[j] = sum / L[j * B + j];
        }
    }
}
/* A := A - X Y', of a symmetric result only the lower triangle. */
static void less(double *A, const double *X, const double *Y, int64_t B, int lower) {
    for (int64_t i = 0; i < B; i++)
        for (int64_t j = 0; j < (lower ? i + 1 : B); j++) {
            double sum = A[i * B + j];
            for (int64_t k = 0; k < B; k++) sum -= X[i * B + k] * Y[j * B + k];
            A[i * B + j] = sum;
        }
}
/* Whether no row of a factor, with the blocks before it, has lost all its digits: then the system is open there. */
static int sound(const double *A, const double *sub, const double *far, int64_t B) {
    for (int64_t i = 0; i < B; i++) {
        double whole = 0.;
        for (int64_t k = 0; k <= i; k++) whole += A[i * B + k] * A[i * B + k];
        for (int64_t k = 0; sub && k < B; k++) whole += sub[i * B + k] * sub[i * B + k];
        for (int64_t k = 0; far && k < B; k++) whole += far[i * B + k] * far[i * B + k];
        if (A[i * B + i] * A[i * B + i] <= 16 * __DBL_EPSILON__ * whole) return 0;
    }
    return 1;
}
static int64_t factored(double *diag, double *sub, double *far, int64_t T, int64_t B) {
    const int64_t P = B * B;
    for (int64_t t = 0; t < T; t++) {
        double *A = diag + t * P;
        if (t > 0) less(A, sub + (t - 1) * P, sub + (t - 1) * P, B, 1);
        if (far && t > 1) less(A, far + (t - 2) * P, far + (t - 2) * P, B, 1);
        if (!cholesky(A, B)) return t;
        if (!sound(A, t > 0 ? sub + (t - 1) * P : NULL, far && t > 1 ? far + (t - 2) * P : NULL, B)) return t;
        if (t + 1 < T) {
            if (far && t > 0) less(sub + t * P, far + (t - 1) * P, sub + (t - 1) * P, B, 0);
            behind(sub + t * P, A, B);
        }
        if (far && t + 2 < T) behind(far + t * P, A, B);
    }
    return -1;
}
/* x := x - X y, or x - X' y. */
static void taken(double *x, const double *X, const double *y, int64_t B, int transposed) {
    for (int64_t i = 0; i < B; i++) {
        if (transposed)
            for (int64_t j = 0; j < B; j++) x[j] -= X[i * B + j] * y[i];
        else {
            double sum = x[i];
            for (int64_t j = 0; j < B; j++) sum -= X[i * B + j] * y[j];
            x[i] = sum;
        }
    }
}
static void solved(const double *diag, const double *sub, const double *far, double *x, int64_t T, int64_t B) {
    const int64_t P = B * B;
    for (int64_t t = 0; t < T; t++) {
        double *at = x + t * B;
        const double *L = diag + t * P;
        if (t > 0) taken(at, sub + (t - 1) * P, at - B, B, 0);
        if (far && t > 1) taken(at, far + (t - 2) * P, at - 2 * B, B, 0);
        for (int64_t i = 0; i < B; i++) {
            for (int64_t k = 0; k < i; k++) at[i] -= L[i * B + k] * at[k];
            at[i] /= L[i * B + i];
        }
    }
    for (int64_t t = T - 1; t >= 0; t--) {
        double *at = x + t * B;
        const double *L = diag + t * P;
        if (t + 1 < T) taken(at, sub + t * P, at + B, B, 1);
        if (far && t + 2 < T) taken(at, far + t * P, at + 2 * B, B, 1);
        for (int64_t i = B - 1; i >= 0; i--) {
            at[i] /= L[i * B + i];
            for (int64_t k = 0; k < i; k++) at[k] -= L[i * B + k] * at[i];
        }
    }
}
/* N systems: factors them unless `ready`, then solves x [N][T][B] in place.  failed [N]: the block at which a system
 * was found not to be positive definite, else -1; such a system is left half done. */
EXPORT int spareto_band_solve(double *diag, double *sub, double *far, double *x, int64_t *failed, int64_t N, int64_t T,
                              int64_t B, int ready, int threads) {
    if (N < 0 || T < 0 || B < 0 || times(times(times(N, T), B), B) > INT64_MAX / 8) return TOO_LARGE;
    const int64_t P = B * B, before = T > 0 ? T - 1 : 0, further = T > 1 ? T - 2 : 0;
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t n = 0; n < N; n++) {
        double *d = diag + n * T * P, *s = sub + n * before * P, *f = far ? far + n * further * P : NULL;
        failed[n] = ready ? -1 : factored(d, s, f, T, B);
        if (failed[n] < 0) solved(d, s, f, x + n * T * B, T, B);
    }
    return DONE;
}
