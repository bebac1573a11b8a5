# mypy: ignore-errors
"""Feature blocks that look at columns alone, never at the target."""

import re

import numpy as np
import pandas as pd


def stack_rows(train: pd.DataFrame, test: pd.DataFrame, leave_out: list[str]) -> pd.DataFrame:
    """Return the features of train and test as one table, train rows first."""
    shared = [column for column in test.columns if column in train.columns and column not in leave_out]
    return pd.concat([train[shared], test[shared]], ignore_index=True)


def add_date_parts(table: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Replace each date by its calendar parts and the days since the first date."""
    parts = {}
    for column in columns:
        when = pd.to_datetime(table[column], errors="coerce", utc=True, format="mixed")
        parts[f"{column}_year"] = when.dt.year
        parts[f"{column}_month"] = when.dt.month
        parts[f"{column}_day"] = when.dt.day
        parts[f"{column}_weekday"] = when.dt.day_of_week
        parts[f"{column}_day_of_year"] = when.dt.day_of_year
        parts[f"{column}_hour"] = when.dt.hour
        parts[f"{column}_minute"] = when.dt.minute
        parts[f"{column}_days"] = (when - when.min()).dt.total_seconds() / 86400
    telling = {name: part.astype(float) for name, part in parts.items() if part.nunique() > 1}
    return table.drop(columns=columns).assign(**telling)


def add_cycles(table: pd.DataFrame) -> pd.DataFrame:
    """Add sine and cosine of calendar parts, so that December lies next to January."""
    periods = {"_month": 12, "_weekday": 7, "_day_of_year": 365.25, "_hour": 24}
    waves = {}
    for column in table.columns:
        for ending, period in periods.items():
            if str(column).endswith(ending):
                angle = 2 * np.pi * pd.to_numeric(table[column], errors="coerce") / period
                waves[f"{column}_sin"], waves[f"{column}_cos"] = np.sin(angle), np.cos(angle)
    return table.assign(**waves)


def split_packed(table: pd.DataFrame, separators: dict[str, str]) -> pd.DataFrame:
    """Replace columns like 'F/12/S' by their parts; parts that are numbers become numbers."""
    for column, separator in separators.items():
        parts = table[column].astype("str").str.split(separator, expand=True, regex=False)
        for number, part in parts.items():
            part = part.mask(table[column].isna())
            as_number = pd.to_numeric(part, errors="coerce")
            table[f"{column}_{number + 1}"] = as_number if as_number.count() == part.count() else part
    return table.drop(columns=list(separators))


def add_group_of_id(table: pd.DataFrame, column: str, separator: str) -> pd.DataFrame:
    """Read group and member from ids like '0013_01', and count the group over train and test together."""
    parts = table[column].astype("str").str.split(separator, n=1, expand=True, regex=False)
    group, member = parts[0], parts[1]
    table = table.drop(columns=[column])
    if group.nunique() < 3 or group.nunique() > 0.95 * len(group):
        return table  # a prefix that all ids share, or that none does: no groups
    columns = {"group_size": group.map(group.value_counts()), "group_number": pd.to_numeric(group, errors="coerce")}
    columns["group_member"] = pd.to_numeric(member, errors="coerce")
    return table.assign(**{name: values for name, values in columns.items() if values.nunique() > 1})


def add_shared_names(table: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Replace names by how many rows share their first and their last word."""
    counts = {}
    for column in columns:
        words = table[column].astype("str").str.strip().str.split()
        for place, name in ((0, "first"), (-1, "last")):
            word = words.str[place].mask(table[column].isna())
            counts[f"{column}_{name}_word_count"] = word.map(word.value_counts())
    return table.drop(columns=columns).assign(**counts)


def add_sums(table: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Add the sum, the number of non-zeros and the logs of amounts that belong together."""
    amounts = table[columns].apply(pd.to_numeric, errors="coerce")
    sums = {"amounts_sum": amounts.sum(axis=1), "amounts_used": (amounts > 0).sum(axis=1)}
    sums["amounts_log_sum"] = np.log1p(sums["amounts_sum"].clip(lower=0))
    sums["amounts_largest"] = amounts.max(axis=1)
    shares = amounts.div(sums["amounts_sum"].where(sums["amounts_sum"] > 0), axis=0).add_suffix("_share")
    return pd.concat([table.assign(**sums), shares], axis=1)


def add_missing_indicators(table: pd.DataFrame) -> pd.DataFrame:
    """Add a flag for each column with gaps, and the number of gaps in each row."""
    gaps = table.isna()
    flags = gaps.loc[:, gaps.any()].astype(float).add_suffix("_missing")
    return pd.concat([table, flags], axis=1).assign(missing_cells=gaps.sum(axis=1))


def add_counts(table: pd.DataFrame) -> pd.DataFrame:
    """Add how often each value of each category occurs in train and test together."""
    names = [column for column in table.columns if not pd.api.types.is_numeric_dtype(table[column])]
    counts = {f"{name}_count": table[name].map(table[name].value_counts()) for name in names}
    return table.assign(**counts)


def add_category_pairs(table: pd.DataFrame, most_columns: int = 5) -> pd.DataFrame:
    """Add the combinations of two categories, for the columns with few levels."""
    names = [column for column in table.columns if not pd.api.types.is_numeric_dtype(table[column])]
    names = [name for name in names if 1 < table[name].nunique() <= 30][:most_columns]
    pairs = {}
    for place, first in enumerate(names):
        for second in names[place + 1 :]:
            pairs[f"{first}_and_{second}"] = table[first].astype("str") + "|" + table[second].astype("str")
    return table.assign(**pairs)


def add_group_statistics(table: pd.DataFrame, most: int = 4) -> pd.DataFrame:
    """Add the mean of numbers within categories, and how far each row is from it."""
    is_number = {column: pd.api.types.is_numeric_dtype(table[column]) for column in table.columns}
    keys = [c for c in table.columns if table[c].nunique() > 1 and (not is_number[c] or table[c].nunique() <= 12)]
    keys = sorted(keys, key=lambda c: (is_number[c], table[c].nunique()))
    keys = [c for c in keys if table[c].nunique() <= len(table) / 10][:most]
    values = [c for c in table.columns if is_number[c] and c not in keys and table[c].nunique() > 12]
    values = sorted(values, key=lambda c: -table[c].nunique())[:most]
    statistics = {}
    for key in keys:
        groups = table.groupby(key, observed=True)
        for value in values:
            mean = groups[value].transform("mean")
            statistics[f"{value}_mean_by_{key}"] = mean
            statistics[f"{value}_from_mean_by_{key}"] = table[value] - mean
    return table.assign(**statistics)


def categories_from_codes(table: pd.DataFrame, most_levels: int = 12) -> pd.DataFrame:
    """Treat whole numbers with few levels as categories: they are often codes, not amounts."""
    for column in table.columns:
        values = table[column]
        is_code = pd.api.types.is_numeric_dtype(values) and 2 < values.nunique() <= most_levels
        if is_code and (values.dropna() % 1 == 0).all():
            table[column] = values.map(lambda value: f"c{value:g}", na_action="ignore")
    return table


def tame_skew(table: pd.DataFrame, limit: float = 1.0) -> pd.DataFrame:
    """Take the signed log of skewed numbers, so that a few large values do not rule."""
    for column in table.columns:
        if pd.api.types.is_numeric_dtype(table[column]) and table[column].nunique() > 12:
            values = table[column].astype(float)
            if abs(values.skew()) > limit:
                table[column] = np.sign(values) * np.log1p(values.abs())
    return table


def rank_gauss(table: pd.DataFrame) -> pd.DataFrame:
    """Map each number to the normal distribution by its rank: robust against outliers of any size."""
    for column in table.columns:
        if pd.api.types.is_numeric_dtype(table[column]) and table[column].nunique() > 12:
            rank = (table[column].rank() - 0.5) / table[column].count()
            table[column] = np.log(rank / (1 - rank)) / 1.702  # the logistic curve, close to the normal one
    return table


def code_categories(table: pd.DataFrame, most_levels: int = 100) -> pd.DataFrame:
    """Make every column a number or a category; names with very many levels become their counts."""
    columns = {}
    for column in table.columns:
        values = table[column]
        if pd.api.types.is_numeric_dtype(values):
            columns[column] = values.astype(float).replace([np.inf, -np.inf], np.nan)
        elif values.nunique() > most_levels:
            columns[column] = values.map(values.value_counts()).astype(float)
        else:
            columns[column] = values.where(values.isna(), values.astype("str")).astype("category")
    return pd.DataFrame(columns, index=table.index)


def plain_codes(table: pd.DataFrame) -> pd.DataFrame:
    """Make every column numbers whatever it holds: as it is, else the number of each distinct text."""
    columns = {}
    for place in range(table.shape[1]):
        values = table.iloc[:, place]
        as_number = pd.to_numeric(values, errors="coerce").astype(float)
        codes = pd.Series(pd.factorize(values.astype("str"), sort=True)[0], index=table.index, dtype=float)
        columns[f"column_{place}"] = (as_number if as_number.notna().any() else codes).clip(-1e12, 1e12)
    return pd.DataFrame(columns, index=table.index)


def add_curves(table: pd.DataFrame, pieces: int = 5) -> pd.DataFrame:
    """Add how far each number lies above its quantiles, so that a linear model can bend there."""
    bends = {}
    for column in table.columns:
        if table[column].dtype != "category" and table[column].nunique() > 3 * pieces:
            for share in np.arange(1, pieces) / pieces:
                knot = table[column].quantile(share)
                bends[f"{column}_above_{share:.1f}"] = (table[column] - knot).clip(lower=0)
    return table.assign(**bends)


def plain_names(table: pd.DataFrame) -> pd.DataFrame:
    """Give columns names that every library takes: letters, digits, underscores."""
    names = [f"{re.sub(r'[^0-9A-Za-z]+', '_', str(c))}_{place}" for place, c in enumerate(table.columns)]
    return table.set_axis(names, axis=1)
