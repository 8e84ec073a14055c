#pragma once
// Every op as readable scalar loops, for T = double (the truth of the tests) and T = float (what a plain
// float32 implementation gets, the yardstick for the kernels' error). Backwards are checked against central
// differences in gradient_test.cpp.
#include <cmath>
#include <cstdint>
#include <vector>

namespace belle::reference {

template <class T>
using Vec = std::vector<T>;

template <class T>
Vec<T> to(const std::vector<float>& x) {
  return Vec<T>(x.begin(), x.end());
}

template <class T>
class Sum {
 public:
  void add(T a, T b) { sum_ += a * b; }
  T value() const { return sum_; }

 private:
  T sum_ = 0;
};

// The plain sum of bfloat16 products on a tensor core: one step adds eight of them (A100; later ones sixteen)
// and what was there exactly, and cuts the result to float32 toward zero instead of rounding it to nearest.
// Each cut errs to the same side, so that the errors of a long sum add up.
class TensorCoreSum {
 public:
  void add(float a, float b) {
    sum_ += double{a} * b;
    if (++products_ % 8 == 0) sum_ = cut(sum_);
  }
  float value() const { return cut(sum_); }

 private:
  static float cut(double x) {
    const auto nearest = static_cast<float>(x);
    return std::fabs(nearest) > std::fabs(x) ? std::nextafter(nearest, 0.0f) : nearest;
  }
  double sum_ = 0;
  int products_ = 0;
};

// c[m,n] = alpha op(a) op(b) + beta c (+ bias)
template <class T, class S = Sum<T>>
Vec<T> gemm(int64_t m, int64_t n, int64_t k, const Vec<T>& a, bool ta, const Vec<T>& b, bool tb, Vec<T> c,
            T alpha, T beta, const Vec<T>& bias) {
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      S sum;
      for (int64_t p = 0; p < k; ++p)
        sum.add(ta ? a[p * m + i] : a[i * k + p], tb ? b[j * k + p] : b[p * n + j]);
      T value = alpha * sum.value();
      if (beta != 0) value += beta * c[i * n + j];
      if (!bias.empty()) value += bias[j];
      c[i * n + j] = value;
    }
  }
  return c;
}

template <class T>
struct Norm {
  Vec<T> out, mean, rstd;
};
template <class T>
struct NormGradient {
  Vec<T> dx, dweight, dbias;
};

template <class T>
Norm<T> rms_norm(const Vec<T>& x, const Vec<T>& weight, T eps) {
  const size_t d = weight.size(), rows = x.size() / d;
  Norm<T> r{Vec<T>(x.size()), {}, Vec<T>(rows)};
  for (size_t t = 0; t < rows; ++t) {
    T squares = 0;
    for (size_t i = 0; i < d; ++i) squares += x[t * d + i] * x[t * d + i];
    r.rstd[t] = T(1) / std::sqrt(squares / T(d) + eps);
    for (size_t i = 0; i < d; ++i) r.out[t * d + i] = x[t * d + i] * r.rstd[t] * weight[i];
  }
  return r;
}

template <class T>
NormGradient<T> rms_norm_backward(const Vec<T>& dout, const Vec<T>& x, const Vec<T>& weight,
                                  const Vec<T>& rstd) {
  const size_t d = weight.size(), rows = x.size() / d;
  NormGradient<T> r{Vec<T>(x.size()), Vec<T>(d), {}};
  for (size_t t = 0; t < rows; ++t) {
    T mean = 0;
    for (size_t i = 0; i < d; ++i) mean += dout[t * d + i] * weight[i] * x[t * d + i];
    mean /= T(d);
    for (size_t i = 0; i < d; ++i) {
      const size_t at = t * d + i;
      r.dx[at] = rstd[t] * (dout[at] * weight[i] - x[at] * rstd[t] * rstd[t] * mean);
      r.dweight[i] += dout[at] * x[at] * rstd[t];
    }
  }
  return r;
}

template <class T>
Norm<T> layer_norm(const Vec<T>& x, const Vec<T>& weight, const Vec<T>& bias, T eps) {
  const size_t d = weight.size(), rows = x.size() / d;
  Norm<T> r{Vec<T>(x.size()), Vec<T>(rows), Vec<T>(rows)};
  for (size_t t = 0; t < rows; ++t) {
    T sum = 0, squares = 0;
    for (size_t i = 0; i < d; ++i) sum += x[t * d + i];
    const T mean = sum / T(d);
    for (size_t i = 0; i < d; ++i) squares += (x[t * d + i] - mean) * (x[t * d + i] - mean);
    r.mean[t] = mean;
    r.rstd[t] = T(1) / std::sqrt(squares / T(d) + eps);
    for (size_t i = 0; i < d; ++i) r.out[t * d + i] = (x[t * d + i] - mean) * r.rstd[t] * weight[i] + bias[i];
  }
  return r;
}

template <class T>
NormGradient<T> layer_norm_backward(const Vec<T>& dout, const Vec<T>& x, const Vec<T>& weight,
                                    const Vec<T>& mean, const Vec<T>& rstd) {
  const size_t d = weight.size(), rows = x.size() / d;
  NormGradient<T> r{Vec<T>(x.size()), Vec<T>(d), Vec<T>(d)};
  for (size_t t = 0; t < rows; ++t) {
    T mean_g = 0, mean_gh = 0;
    for (size_t i = 0; i < d; ++i) {
      const T g = dout[t * d + i] * weight[i], h = (x[t * d + i] - mean[t]) * rstd[t];
      mean_g += g / T(d);
      mean_gh += g * h / T(d);
    }
    for (size_t i = 0; i < d; ++i) {
      const size_t at = t * d + i;
      const T h = (x[at] - mean[t]) * rstd[t];
      r.dx[at] = rstd[t] * (dout[at] * weight[i] - mean_g - h * mean_gh);
      r.dweight[i] += dout[at] * h;
      r.dbias[i] += dout[at];
    }
  }
  return r;
}

// x is [tokens, heads, head_dim]. Angles are float32 as in Hugging Face LLaMA; the rotation is in T.
template <class T>
Vec<T> rope(Vec<T> x, const std::vector<int32_t>& positions, int heads, int head_dim, float theta,
            bool inverse) {
  const int half = head_dim / 2;
  for (size_t t = 0; t < positions.size(); ++t) {
    for (int i = 0; i < half; ++i) {
      const float frequency =
          1.0f / std::pow(theta, static_cast<float>(2 * i) / static_cast<float>(head_dim));
      const float angle = static_cast<float>(positions[t]) * frequency;
      const T cosine = std::cos(T(angle)), sine = std::sin(T(angle)) * (inverse ? T(-1) : T(1));
      for (int h = 0; h < heads; ++h) {
        T* row = x.data() + (t * heads + h) * head_dim;
        const T low = row[i], high = row[half + i];
        row[i] = low * cosine - high * sine;
        row[half + i] = high * cosine + low * sine;
      }
    }
  }
  return x;
}

struct AttentionShape {
  std::vector<int32_t> cu_seqlens;
  int heads, kv_heads, head_dim;
  float scale;
  std::vector<float> slopes;  // empty: none
  int64_t tokens() const { return cu_seqlens.back(); }
};

// The probabilities of query token t of a document that starts at `start`, head h, over its keys; and their
// log-sum.
template <class T>
Vec<T> attention_row(const AttentionShape& s, const Vec<T>& q, const Vec<T>& k, int64_t start, int64_t t,
                     int h, T* lse) {
  const int kv = h / (s.heads / s.kv_heads);
  Vec<T> p(t - start + 1);
  T highest = -INFINITY, sum = 0;
  for (int64_t j = start; j <= t; ++j) {
    T score = 0;
    for (int e = 0; e < s.head_dim; ++e) {
      score += q[(t * s.heads + h) * s.head_dim + e] * k[(j * s.kv_heads + kv) * s.head_dim + e];
    }
    score = score * T(s.scale) + (s.slopes.empty() ? T(0) : T(s.slopes[h]) * T(j - t));
    p[j - start] = score;
    highest = std::max(highest, score);
  }
  for (T& value : p) sum += value = std::exp(value - highest);
  for (T& value : p) value /= sum;
  *lse = highest + std::log(sum);
  return p;
}

template <class T>
struct Attention {
  Vec<T> out, lse;  // [tokens, heads, head_dim], [heads, tokens]
};

template <class T>
Attention<T> attention(const AttentionShape& s, const Vec<T>& q, const Vec<T>& k, const Vec<T>& v) {
  Attention<T> r{Vec<T>(q.size()), Vec<T>(s.heads * s.tokens())};
  for (size_t document = 0; document + 1 < s.cu_seqlens.size(); ++document) {
    const int64_t start = s.cu_seqlens[document];
    for (int64_t t = start; t < s.cu_seqlens[document + 1]; ++t) {
      for (int h = 0; h < s.heads; ++h) {
        const int kv = h / (s.heads / s.kv_heads);
        const Vec<T> p = attention_row(s, q, k, start, t, h, &r.lse[h * s.tokens() + t]);
        for (int64_t j = start; j <= t; ++j) {
          for (int e = 0; e < s.head_dim; ++e) {
            r.out[(t * s.heads + h) * s.head_dim + e] +=
                p[j - start] * v[(j * s.kv_heads + kv) * s.head_dim + e];
          }
        }
      }
    }
  }
  return r;
}

template <class T>
struct AttentionGradient {
  Vec<T> dq, dk, dv;
};

template <class T>
AttentionGradient<T> attention_backward(const AttentionShape& s, const Vec<T>& q, const Vec<T>& k,
                                        const Vec<T>& v, const Vec<T>& dout) {
  AttentionGradient<T> r{Vec<T>(q.size()), Vec<T>(k.size()), Vec<T>(v.size())};
  for (size_t document = 0; document + 1 < s.cu_seqlens.size(); ++document) {
    const int64_t start = s.cu_seqlens[document];
    for (int64_t t = start; t < s.cu_seqlens[document + 1]; ++t) {
      for (int h = 0; h < s.heads; ++h) {
        const int kv = h / (s.heads / s.kv_heads);
        T lse;
        const Vec<T> p = attention_row(s, q, k, start, t, h, &lse);
        Vec<T> dp(p.size());
        T mean = 0;
        for (size_t j = 0; j < p.size(); ++j) {
          for (int e = 0; e < s.head_dim; ++e) {
            dp[j] += dout[(t * s.heads + h) * s.head_dim + e] *
                     v[((start + j) * s.kv_heads + kv) * s.head_dim + e];
          }
          mean += p[j] * dp[j];
        }
        for (size_t j = 0; j < p.size(); ++j) {
          const T ds = p[j] * (dp[j] - mean) * T(s.scale);
          for (int e = 0; e < s.head_dim; ++e) {
            const size_t at_q = (t * s.heads + h) * s.head_dim + e,
                         at_k = ((start + j) * s.kv_heads + kv) * s.head_dim + e;
            r.dq[at_q] += ds * k[at_k];
            r.dk[at_k] += ds * q[at_q];
            r.dv[at_k] += p[j] * dout[at_q];
          }
        }
      }
    }
  }
  return r;
}

template <class T>
T swiglu(T gate, T up) {
  return gate / (T(1) + std::exp(-gate)) * up;
}
template <class T>
void swiglu_backward(T dout, T gate, T up, T* dgate, T* dup) {
  const T s = T(1) / (T(1) + std::exp(-gate));
  *dgate = dout * up * s * (T(1) + gate * (T(1) - s));
  *dup = dout * gate * s;
}

// The formula and the constants of Hugging Face BLOOM.
template <class T>
T gelu_tanh(T x) {
  return x * T(0.5) * (T(1) + std::tanh(T(0.79788456) * x * (T(1) + T(0.044715) * x * x)));
}
template <class T>
T gelu_tanh_backward(T dout, T x) {
  const T th = std::tanh(T(0.79788456) * x * (T(1) + T(0.044715) * x * x));
  const T slope = T(0.79788456) * (T(1) + T(3) * T(0.044715) * x * x);
  return dout * (T(0.5) * (T(1) + th) + T(0.5) * x * (T(1) - th * th) * slope);
}

template <class T>
struct CrossEntropy {
  Vec<T> losses, dhidden, dhead;
};

template <class T>
CrossEntropy<T> linear_cross_entropy(const Vec<T>& hidden, const Vec<T>& head,
                                     const std::vector<int32_t>& targets, size_t d, T grad_scale) {
  const size_t vocab = head.size() / d, rows = targets.size();
  CrossEntropy<T> r{Vec<T>(rows), Vec<T>(hidden.size()), Vec<T>(head.size())};
  for (size_t row = 0; row < rows; ++row) {
    if (targets[row] < 0) continue;
    Vec<T> logits(vocab);
    T highest = -INFINITY, sum = 0;
    for (size_t w = 0; w < vocab; ++w) {
      for (size_t i = 0; i < d; ++i) logits[w] += hidden[row * d + i] * head[w * d + i];
      highest = std::max(highest, logits[w]);
    }
    for (size_t w = 0; w < vocab; ++w) sum += std::exp(logits[w] - highest);
    r.losses[row] = std::log(sum) - (logits[targets[row]] - highest);
    for (size_t w = 0; w < vocab; ++w) {
      const T softmax = std::exp(logits[w] - highest) / sum;
      const T g = grad_scale * (softmax - (static_cast<int32_t>(w) == targets[row] ? T(1) : T(0)));
      for (size_t i = 0; i < d; ++i) {
        r.dhidden[row * d + i] += g * head[w * d + i];
        r.dhead[w * d + i] += g * hidden[row * d + i];
      }
    }
  }
  return r;
}

template <class T>
struct AdamW {
  Vec<T> weight, m, v;
};

// One step of torch.optim.AdamW.
template <class T>
AdamW<T> adamw(AdamW<T> s, const Vec<T>& grad, T grad_scale, double lr, double beta1, double beta2,
               double eps, double decay, int64_t step) {
  for (size_t i = 0; i < grad.size(); ++i) {
    const T g = grad[i] * grad_scale;
    s.weight[i] *= T(1 - lr * decay);
    s.m[i] = s.m[i] + T(1 - beta1) * (g - s.m[i]);
    s.v[i] = s.v[i] * T(beta2) + T(1 - beta2) * g * g;
    const T denominator = std::sqrt(s.v[i]) / T(std::sqrt(1 - std::pow(beta2, double(step)))) + T(eps);
    s.weight[i] -= T(lr / (1 - std::pow(beta1, double(step)))) * s.m[i] / denominator;
  }
  return s;
}

}  // namespace belle::reference
