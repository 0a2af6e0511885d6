using System.Data;
using AkkaCharging.Authorization;
using AkkaCharging.Authorization.Sql;

namespace AkkaCharging.Tests.Authorization.Sql;

/// <summary>The types of columns, whatever the database.</summary>
[Trait("Category", "Unit")]
public sealed class SqlAnswerTests
{
    [Theory]
    [InlineData(typeof(string), "7")]
    [InlineData(typeof(sbyte), "7")]
    [InlineData(typeof(byte), "7")]
    [InlineData(typeof(short), "7")]
    [InlineData(typeof(int), "7")]
    [InlineData(typeof(long), "7")]
    [InlineData(typeof(ulong), "7")]
    [InlineData(typeof(decimal), "7")]
    public async Task TextsAndWholeNumbers_AreTexts(Type type, string expected)
    {
        var answer = await ReadAsync("group_id", type, Convert.ChangeType(7, type, provider: null));

        Assert.Equal(expected, answer.Details?.Group);
    }

    [Theory]
    [InlineData(typeof(bool))]
    [InlineData(typeof(char))]
    [InlineData(typeof(float))]
    [InlineData(typeof(double))]
    [InlineData(typeof(DateTime))]
    [InlineData(typeof(byte[]))]
    public Task OtherTypes_AreNoTexts_EvenWithoutARow(Type type) => RefusedAsync("group_id", type);

    [Fact]
    public async Task Fractions_AreNoTexts() =>
        await Assert.ThrowsAsync<SqlFailureException>(() => ReadAsync("group_id", typeof(decimal), 7.5m));

    [Theory]
    [InlineData(typeof(DateTime))]
    [InlineData(typeof(DateTimeOffset))]
    [InlineData(typeof(DateOnly))]
    [InlineData(typeof(string))]
    public async Task TimesAndTexts_MayBeTimes(Type type)
    {
        object until = type.Name switch
        {
            nameof(DateTime) => new DateTime(2026, 1, 2, 0, 0, 0, DateTimeKind.Utc),
            nameof(DateTimeOffset) => new DateTimeOffset(2026, 1, 2, 0, 0, 0, TimeSpan.Zero),
            nameof(DateOnly) => new DateOnly(2026, 1, 2),
            _ => "2026-01-02",
        };

        var answer = await ReadAsync("valid_until", type, until);

        Assert.Equal(new DateTimeOffset(2026, 1, 2, 0, 0, 0, TimeSpan.Zero), answer.Details?.ValidUntil);
    }

    [Theory]
    [InlineData(typeof(int))]
    [InlineData(typeof(decimal))]
    [InlineData(typeof(Guid))]
    public Task OtherTypes_AreNoTimes_EvenWithoutARow(Type type) => RefusedAsync("VALID_UNTIL", type);

    private static async Task RefusedAsync(string column, Type type)
    {
        using var table = Table(column, type);

        await Assert.ThrowsAsync<SqlFailureException>(() => ReadAsync(table));
    }

    private static async Task<AuthorizerAnswer> ReadAsync(string column, Type type, object value)
    {
        using var table = Table(column, type);
        table.Rows.Add("allowed", value);
        return await ReadAsync(table);
    }

    private static async Task<AuthorizerAnswer> ReadAsync(DataTable table)
    {
        await using var reader = table.CreateDataReader();
        return await SqlAnswer.ReadAsync(reader, (row, ordinal) => row.GetFieldType(ordinal), CancellationToken.None);
    }

    private static DataTable Table(string column, Type type)
    {
        var table = new DataTable();
        table.Columns.Add("decision", typeof(string));
        table.Columns.Add(column, type);
        return table;
    }
}
