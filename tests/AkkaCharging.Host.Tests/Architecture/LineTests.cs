using AkkaCharging.Testing;

namespace AkkaCharging.Host.Tests.Architecture;

/// <summary>
/// Lines of C# fit 120 columns, those of raw text (SQL, JSON, tables) 140. CSharpier breaks code, but neither
/// comments nor literals.
/// </summary>
[Trait("Category", "Unit")]
public sealed class LineTests
{
    private const int Columns = 120;
    private const int RawColumns = 140;

    [Theory]
    [InlineData("src")]
    [InlineData("tests")]
    [InlineData("bench")]
    [InlineData("samples")]
    public void Lines_FitTheirColumns(string folder)
    {
        var files = Repository.SourcesIn(folder).ToArray();

        Assert.NotEmpty(files);
        Assert.Empty(files.SelectMany(TooLong));
    }

    private static IEnumerable<string> TooLong(string file)
    {
        var isRaw = false;
        var number = 0;
        foreach (var line in File.ReadLines(file))
        {
            number++;
            var quotes = line.Split("\"\"\"").Length - 1;
            if (line.Length > (isRaw || quotes > 0 ? RawColumns : Columns))
                yield return $"{Path.GetRelativePath(Repository.Root, file)}:{number} has {line.Length} columns";
            isRaw ^= quotes % 2 == 1;
        }
    }
}
