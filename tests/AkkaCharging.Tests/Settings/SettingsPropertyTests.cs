using System.Text;
using Akka.Configuration;
using AkkaCharging.Settings;
using AkkaCharging.Settings.Hocon;
using AkkaCharging.Testing;
using CsCheck;

namespace AkkaCharging.Tests.Settings;

/// <summary>
/// For any content of a file or variable, loading ends with settings or with <see cref="InvalidSettingsException"/>.
/// </summary>
[Trait("Category", "Unit")]
public sealed class SettingsPropertyTests
{
    private static readonly string Valid = File.ReadAllText(Path.Combine(Repository.Root, "hocon/reference.conf"))
        .Replace("allowAnonymous = false", "allowAnonymous = true", StringComparison.Ordinal);

    private static readonly Gen<string> Bits = Gen.OneOf(
        "{",
        "}",
        "[",
        "]",
        "\"",
        "\"\"\"",
        "'",
        ",",
        "=",
        ":",
        "+=",
        "${",
        "${?X}",
        "#",
        "//",
        "\n",
        "\r\n",
        "\r",
        "\0",
        "\uFEFF",
        ".",
        " ",
        "\\",
        "\\u12",
        "include",
        "akka",
        "queue",
        "maxSize",
        "null",
        "5",
        "-1",
        "1e999",
        "server.apiKeys = [{",
        "\uD83D",
        "é"
    );

    private static readonly Gen<string> Garbage = Bits.Array[0, 40].Select(string.Concat);

    private static readonly Gen<string> Mutated =
        from at in Gen.Int[0, Valid.Length]
        from length in Gen.Int[0, 20]
        from bits in Bits.Array[0, 3]
        select Valid[..at] + string.Concat(bits) + Valid[Math.Min(Valid.Length, at + length)..];

    [Fact]
    public void GarbageFile_NeverHangsOrThrowsAnythingElse() =>
        Garbage.Sample(text => Outcome(Encoding.UTF8.GetBytes(text)), iter: 2_000, threads: 1);

    [Fact]
    public void GarbageBytes_NeverHangOrThrowAnythingElse() =>
        Gen.Byte.Array[0, 60].Sample(Outcome, iter: 1_000, threads: 1);

    [Fact]
    public void MutatedFile_NeverHangsOrThrowsAnythingElse() =>
        Mutated.Sample(text => Outcome(Encoding.UTF8.GetBytes(text)), iter: 1_000, threads: 1);

    [Fact]
    public void GarbageVariable_NeverHangsOrThrowsAnythingElse() =>
        Gen.Select(Gen.OneOf(SettingsTable.Rows.Select(row => row.Key).ToArray()), Garbage)
            .Sample(
                (key, text) =>
                {
                    using var folder = new SettingsFolder();
                    Outcome(folder.Variable(SettingsEnvironment.NameOf(key), text));
                },
                iter: 1_000,
                threads: 1
            );

    /// <summary>
    /// The subset is HOCON: where this parser takes a tree of texts, Akka's reads the same from it (which takes no
    /// comma after a block, and cuts blanks off the end of triple quotes).
    /// </summary>
    [Fact]
    public void TakenFile_ReadsTheSame_WithAkkasParser()
    {
        var key = Gen.OneOf("a", "b-c", "d_e", "f1");
        var value = Gen.OneOf(
            "1",
            "true",
            "1.5",
            "info",
            "5s",
            "\"x y\"",
            "\"{[,=:#//\"",
            "\"a\\tb\\\"\"",
            "\"\"\"q \"r\" \\s\"\"\"",
            "\"\\u00e9\""
        );
        var separator = Gen.OneOf("\n", ", ", ",\n", "\n\n", " # c\n", "\r\n");
        var assign = Gen.OneOf(" = ", ": ", "=");
        var file =
            from keys in Gen.Shuffle(new[] { "a", "b-c", "d_e", "f1" })
            from below in key
            from values in value.Array[4]
            from assigns in assign.Array[4]
            from separators in separator.Array[4]
            from nested in Gen.Bool
            select string.Concat(
                keys.Select(
                    (k, i) =>
                        nested
                            ? $"{k} {{ {below}{assigns[i]}{values[i]} }}{separators[i].Replace(',', '\n')}"
                            : $"{k}.{below}{assigns[i]}{values[i]}{separators[i]}"
                )
            );

        file.Sample(
            text =>
            {
                var problems = new List<string>();
                var ours = HoconParser.ParseFile("a.conf", Encoding.UTF8.GetBytes(text), problems)!;
                var akka = ConfigurationFactory.ParseString(text);

                Assert.Empty(problems);
                Assert.All(
                    ours.Leaves(),
                    leaf => Assert.Equal(akka.GetString(leaf.Path), ((ConfigText)leaf.Node).Value)
                );
            },
            iter: 1_000,
            threads: 1
        );
    }

    private static void Outcome(byte[] file)
    {
        using var folder = new SettingsFolder();
        Outcome(folder.File("hocon/application.conf", file));
    }

    private static void Outcome(SettingsFolder folder)
    {
        try
        {
            Assert.NotNull(folder.Load());
        }
        catch (InvalidSettingsException e)
        {
            Assert.NotEmpty(e.Problems);
        }
    }
}
