# What R computes from the ratings of a study: the numbers stored beside it as NAME_R_reference.json.
#
#   Rscript study.R RATINGS.csv OUT.json
#
# Debian has what the sections "pooled" to "intra" need:
#   apt install r-base-core r-cran-lme4 r-cran-lmertest r-cran-ordinal r-cran-psych r-cran-coin r-cran-jsonlite
# iMRMC and MRMCaov are not in Debian but on CRAN; their sections are written where they are installed
# (made with iMRMC 2.1.2 and MRMCaov 0.3.0). Random slopes, Kenward-Roger and likelihood-ratio tests, which this
# project does not compute, are not made again.
suppressPackageStartupMessages({library(jsonlite); library(lme4); library(lmerTest); library(ordinal); library(coin)})
arguments <- commandArgs(trailingOnly = TRUE)
questions <- c("agree", "quality", "difficulty")
ratings <- read.csv(arguments[1], colClasses = c(reader = "character", case = "character", batch = "character"))
first <- ratings[ratings$presentation == 1, ]

or_na <- function(value) tryCatch(value, error = function(e) list(error = conditionMessage(e)))

pooled <- function(name) {
  own <- first[!is.na(first[[name]]), ]
  pie <- own[own$arm == 1, name]; control <- own[own$arm == 0, name]
  kw <- kruskal.test(list(pie, control))
  welch <- t.test(pie, control)
  mw <- function(correct) {
    test <- suppressWarnings(wilcox.test(pie, control, exact = FALSE, correct = correct))
    list(W = unname(test$statistic), p = test$p.value)
  }
  found <- list(
    n1 = length(pie), n0 = length(control), mean1 = mean(pie), mean0 = mean(control), sd1 = sd(pie), sd0 = sd(control),
    kruskal = list(H = unname(kw$statistic), p = kw$p.value), mannwhitney_cc = mw(TRUE), mannwhitney_nocc = mw(FALSE),
    welch = list(t = unname(welch$statistic), df = unname(welch$parameter), p = welch$p.value,
                 lo = welch$conf.int[1], hi = welch$conf.int[2]),
    auc_pooled = mw(TRUE)$W / (length(pie) * length(control)))
  if (name == "agree") {
    cells <- table(own$arm, own[[name]])
    fisher <- fisher.test(cells)
    chisq <- function(correct) {
      test <- suppressWarnings(chisq.test(cells, correct = correct))
      list(X2 = unname(test$statistic), p = test$p.value)
    }
    found <- c(found, list(fisher = list(p = fisher$p.value, or = unname(fisher$estimate)),
                           chisq_nocc = chisq(FALSE), chisq_cc = chisq(TRUE)))
  }
  found
}

stratified <- function(name) {
  own <- first[!is.na(first[[name]]), ]
  test <- wilcox_test(own[[name]] ~ factor(own$arm) | factor(own$reader), distribution = "asymptotic")
  list(Z = unname(statistic(test)), p = as.numeric(pvalue(test)))
}

shared <- any(tapply(first$reader, first$case, function(r) length(unique(r))) > 1)
effects <- if (shared) "(1 | reader) + (1 | case)" else "(1 | reader)"
formula_of <- function(y, more = "") as.formula(paste(y, "~ arm01", more, "+", effects))

components <- function(fit) {
  table <- as.data.frame(VarCorr(fit))
  lapply(seq_len(nrow(table)), function(k) list(grp = table$grp[k], var1 = table$var1[k], vcov = table$vcov[k]))
}

mixed <- function(name) {
  own <- first[!is.na(first[[name]]), ]
  own$arm01 <- own$arm; own$y <- own[[name]]
  linear <- suppressMessages(lmer(formula_of("y"), own))
  row <- coef(summary(linear))["arm01", ]
  found <- list(lmer_intercepts = list(
    est = row[["Estimate"]], se = row[["Std. Error"]], df_satt = row[["df"]], t = row[["t value"]],
    p_satt = row[["Pr(>|t|)"]], vc = components(linear), logLikREML = as.numeric(logLik(linear)),
    singular = isSingular(linear)))
  if (name == "agree") {
    fit <- suppressMessages(glmer(formula_of("y"), own, family = binomial))
    row <- coef(summary(fit))["arm01", ]
    found$glmer_laplace_intercepts <- list(
      est = row[["Estimate"]], se = row[["Std. Error"]], z = row[["z value"]], p = row[["Pr(>|z|)"]],
      vc = components(fit), logLik = as.numeric(logLik(fit)), singular = isSingular(fit))
  } else {
    own$y <- factor(own$y)
    own$reader <- factor(own$reader); own$case <- factor(own$case)
    fit <- clmm(formula_of("y"), data = own)
    row <- coef(summary(fit))["arm01", ]
    found$clmm_intercepts <- list(
      est = row[["Estimate"]], se = row[["Std. Error"]], z = row[["z value"]], p = row[["Pr(>|z|)"]],
      thresholds = as.list(fit$Theta[1, ]), vc = lapply(VarCorr(fit), function(v) v[1, 1]),
      logLik = as.numeric(logLik(fit)))
  }
  found
}

times <- function() {
  own <- first[!is.na(first$time_s) & first$time_s > 0, ]
  own$arm01 <- own$arm; own$y <- log(own$time_s); own$place <- scale(own$position)[, 1]
  fit <- suppressMessages(lmer(formula_of("y", "+ place"), own))
  row <- coef(summary(fit))["arm01", ]
  list(est = row[["Estimate"]], se = row[["Std. Error"]], df = row[["df"]], p = row[["Pr(>|t|)"]],
       ratio = exp(row[["Estimate"]]), vc = lapply(components(fit), function(part) part[c("grp", "vcov")]))
}

kappas <- function(one, other) {
  levels <- sort(unique(c(one, other)))
  joint <- prop.table(table(factor(one, levels), factor(other, levels)))
  chance <- outer(rowSums(joint), colSums(joint))
  kappa <- function(weights) 1 - sum(weights * joint) / sum(weights * chance)
  apart <- outer(levels, levels, "-")
  list(kappa = kappa(apart != 0), quad_weighted_kappa = kappa(apart^2))
}

icc_kappa <- function(name) {
  wide <- reshape(first[, c("case", "reader", name)], idvar = "case", timevar = "reader", direction = "wide")
  answers <- as.matrix(wide[, -1]); colnames(answers) <- sub(".*\\.", "", colnames(answers))
  answers <- answers[, order(colnames(answers))]
  if (anyNA(answers)) return(list(note = "incomplete"))
  table <- psych::ICC(answers, lmer = FALSE)$results
  rows <- lapply(seq_len(nrow(table)), function(k) as.list(table[k, ]))
  readers <- colnames(answers)
  pairs <- combn(readers, 2, simplify = FALSE)
  list(ICC = rows, pairs = lapply(pairs, function(p) c(list(r1 = p[1], r2 = p[2]), kappas(answers[, p[1]], answers[, p[2]]))))
}

intra <- function() {
  second <- ratings[ratings$presentation == 2, ]
  if (!nrow(second)) return(setNames(list(), character()))
  both <- merge(first, second, by = c("reader", "case"), suffixes = c("_1", "_2"))
  found <- list(n = nrow(both))
  for (name in questions) {
    pair <- na.omit(both[, paste0(name, c("_1", "_2"))])
    found[[name]] <- c(list(n = nrow(pair), exact_agreement = mean(pair[, 1] == pair[, 2])), kappas(pair[, 1], pair[, 2]))
  }
  found
}

by_question <- function(f, names = questions) setNames(lapply(names, function(name) or_na(f(name))), names)
out <- list(pooled = by_question(pooled, c(questions, "time_s")), stratified_wilcoxon = by_question(stratified),
            mixed = c(by_question(mixed), list(log_time = or_na(times()))), icc_kappa = by_question(icc_kappa),
            intra = intra())

if (requireNamespace("iMRMC", quietly = TRUE)) {
  truth <- unique(first[, c("case", "arm")])
  frame <- data.frame(readerID = "truth", caseID = truth$case, modalityID = "truth", score = truth$arm)
  for (name in questions) {
    own <- first[!is.na(first[[name]]), ]
    frame <- rbind(frame, data.frame(readerID = own$reader, caseID = own$case, modalityID = name, score = own[[name]]))
  }
  result <- iMRMC::doIMRMC(frame)
  out$iMRMC <- list(Ustat = result$Ustat, perReader = result$perReader)
}
if (requireNamespace("MRMCaov", quietly = TRUE)) {
  library(MRMCaov)
  long <- do.call(rbind, lapply(questions, function(name) {
    own <- first[!is.na(first[[name]]), ]
    data.frame(test = name, reader = own$reader, case = own$case, truth = own$arm, rating = own[[name]])
  }))
  long$test <- factor(long$test, levels = questions)
  for (method in c("unbiased", "jackknife", "DeLong")) {
    covariance <- get(method)
    fit <- or_na(mrmc(empirical_auc(truth, rating), test, reader, case, data = long, cov = covariance))
    if (is.null(fit$error)) out[[paste0("MRMCaov_", method)]] <- lapply(
      list(RRRC = summary(fit), FRRC = summary(mrmc(empirical_auc(truth, rating), test, fixed(reader), case, data = long,
                                                    cov = covariance))),
      function(part) list(test_means = part$test_means, test_diffs = part$test_diffs))
  }
}
write_json(out, arguments[2], auto_unbox = TRUE, digits = 12, pretty = TRUE, na = "string")
