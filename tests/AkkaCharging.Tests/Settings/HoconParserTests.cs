using System.Text;
using AkkaCharging.Settings;

namespace AkkaCharging.Tests.Settings;

/// <remarks>
/// Most of the refused texts were run through Akka 1.5's parser, which lost the settings after them or ran out of
/// memory.
/// </remarks>
[Trait("Category", "Unit")]
public sealed class HoconParserTests
{
    public static TheoryData<string, string> Traps =>
        new()
        {
            { "queue { maxSize = 5 }\n}\nqueue.consumerThreads = 2", ":2: '}' closes nothing." },
            { "queue.maxSize = 5 }\nqueue.consumerThreads = 2", ":1: '}' closes nothing." },
            { "queue.maxSize = 5\n]", ":2: ']' closes nothing." },
            { "# one\nqueue {\n  maxSize = 5\n", ":2: '{' is never closed." },
            { "callback.security {\n allowedPorts = [80,\n443\n", ":2: '[' is never closed." },
            {
                "callback.security { allowedPorts = [80 }",
                ":1: '}' where ']' is expected for the '[' of hocon/application.conf:1."
            },
            { "queue {\n maxSize = 1 ]", ":2: ']' where '}' is expected for the '{' of hocon/application.conf:1." },
            { "\njournal.path = \"data\nqueue.maxSize = 5", ":2: '\"' is never closed on its line." },
            { "journal.path = \"data", ":1: '\"' is never closed on its line." },
            { "\n\njournal.path = \"\"\"data\nqueue.maxSize = 5", ":3: '\"\"\"' is never closed." },
            {
                "journal.path = \"\"\"a\nb\"\"\"\nqueue.maxSize 5",
                ":3: unexpected '5'; expected '=', ':' or '{' after the key, or double quotes around the whole value."
            },
            {
                "queue { maxSize = 5 consumerThreads = 2 }",
                ":1: unexpected 'c'; expected a new line or a comma, or double quotes around the whole value."
            },
            {
                "journal.path = \"a\"b",
                ":1: unexpected 'b'; expected a new line or a comma, or double quotes around the whole value."
            },
            {
                "callback.security.allowedPorts = [80 443]",
                ":1: unexpected '4'; expected a new line or a comma, or double quotes around the whole value."
            },
            {
                "queue { maxSize = 5 } { consumerThreads = 2 }",
                ":1: unexpected '{'; expected a new line or a comma, or double quotes around the whole value."
            },
            { "queue.maxSize = 5,, queue.consumerThreads = 2", ":1: a comma with nothing before it." },
            { "queue.maxSize = 5,\n,queue.consumerThreads = 2", ":2: a comma with nothing before it." },
            { ", queue.maxSize = 5", ":1: a comma with nothing before it." },
            { "callback.security.allowedPorts = [80,, 443]", ":1: a comma with nothing before it." },
            { "callback.security.allowedPorts = [, 443]", ":1: a comma with nothing before it." },
            {
                "\njournal.path = ${?JOURNAL}",
                ":2: substitutions (${…}) are not supported; use the environment variable of the key."
            },
            {
                "journal.path = ${JOURNAL}",
                ":1: substitutions (${…}) are not supported; use the environment variable of the key."
            },
            {
                "journal.path = \"a\"${JOURNAL}",
                ":1: substitutions (${…}) are not supported; use the environment variable of the key."
            },
            {
                "${JOURNAL} = 1",
                ":1: substitutions (${…}) are not supported; use the environment variable of the key."
            },
            {
                "callback.signing.keys = ${?KEYS} [\"a\"]",
                ":1: substitutions (${…}) are not supported; use the environment variable of the key."
            },
            { "\ninclude \"other.conf\"", ":2: include is not supported; put the settings into this file." },
            { "include file(\"other.conf\")", ":1: include is not supported; put the settings into this file." },
            { "callback.signing.keys += \"a\"", ":1: += is not supported; write the whole list." },
            { "queue.maxSize", ":1: a key without a value; expected key = value." },
            { "queue.maxSize\nqueue.consumerThreads = 2", ":1: a key without a value; expected key = value." },
            {
                "queue.maxSize =\nqueue.consumerThreads = 2",
                ":1: a key without a value; expected one on the same line, \"\" for an empty one."
            },
            {
                "queue.maxSize = # five",
                ":1: a key without a value; expected one on the same line, \"\" for an empty one."
            },
            {
                "queue.maxSize = // five",
                ":1: a key without a value; expected one on the same line, \"\" for an empty one."
            },
            {
                "queue { maxSize = }",
                ":1: a key without a value; expected one on the same line, \"\" for an empty one."
            },
            { "= 5", ":1: unexpected '='; expected a key, or double quotes around the whole value." },
            { "queue.maxSize == 5", ":1: unexpected '='; expected a value, or double quotes around the whole value." },
            { "queue.maxSize = ]", ":1: unexpected ']'; expected a value, or double quotes around the whole value." },
            { "queue..maxSize = 5", ":1: unexpected '.'; expected a key, or double quotes around the whole value." },
            { "queue.\n = 5", ":1: the line ends; expected a key." },
            { "{ queue.maxSize = 5 }", ":1: unexpected '{'; expected a key, or double quotes around the whole value." },
            {
                "queue maxSize = 5",
                ":1: unexpected 'm'; expected '=', ':' or '{' after the key, or double quotes around the whole value."
            },
            { "journal.path = 'data'", ":1: single quotes do not quote; use double quotes." },
            {
                "journal.path = größe",
                ":1: unexpected U+00F6; expected a new line or a comma, or double quotes around the whole value."
            },
            {
                "journal.path = a;",
                ":1: unexpected ';'; expected a new line or a comma, or double quotes around the whole value."
            },
            {
                "journal.path = a b",
                ":1: unexpected 'b'; expected a new line or a comma, or double quotes around the whole value."
            },
            { "journal.path = a#b", ":1: a comment needs a space before it; a value with # or // needs quotes." },
            { "journal.path = a//b", ":1: a comment needs a space before it; a value with # or // needs quotes." },
            {
                "authorization.http.url = http://a",
                ":1: unexpected ':'; expected a new line or a comma, or double quotes around the whole value."
            },
            { "journal.path = \"\\q\"", ":1: unknown escape; expected \\\" \\\\ \\/ \\b \\f \\n \\r \\t or \\uXXXX." },
            {
                "journal.path = \"\\u12\"",
                ":1: unknown escape; expected \\\" \\\\ \\/ \\b \\f \\n \\r \\t or \\uXXXX."
            },
            { "journal.path = \"\\", ":1: unknown escape; expected \\\" \\\\ \\/ \\b \\f \\n \\r \\t or \\uXXXX." },
            { "journal.path = null", ":1: null is not a value; leave journal.path out." },
            { "\njournal.path = \"a\0b\"", ":2: control character U+0000; remove it." },
            { "# \u0007", ":1: control character U+0007; remove it." },
            { "queue.maxSize = 5\rqueue.consumerThreads = 2", ":1: control character U+000D; remove it." },
            { "queue.maxSize = 5\n\r", ":2: control character U+000D; remove it." },
            { "queue.maxSize = 5\n\uFEFF", ":2: control character U+FEFF; remove it." },
            { "\uFEFFqueue.maxSize = 5", ":1: the file starts with a byte order mark; save it as UTF-8 without one." },
        };

    [Theory]
    [MemberData(nameof(Traps))]
    public void MalformedFile_IsRefusedWithItsLine(string text, string problem) =>
        Assert.Equal([$"hocon/application.conf{problem}"], Loading.ProblemsOf(text));

    /// <summary>As when a variable names the file of another setting. The base64 is with and without digits.</summary>
    [Theory]
    [InlineData("akc_q7Xo0Pz7Qe2b-kq_Uu5y1dVtW8cRsN4fLhGaTiYxEM")]
    [InlineData("whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYg==")]
    [InlineData(SettingsTable.EncryptionKey)]
    [InlineData("kq+Uu5y1dVtW8cRsN4fLhGaTiYxEM3JmXo0Pz7Qe2b0=")]
    [InlineData("kqUuXyzdVtWAcRsN/fLhGaTiYxEMdJmXoHPzaQeZbOM=")]
    [InlineData(SettingsTable.Sha)]
    [InlineData("correct-horse-battery-staple")]
    [InlineData("correct horse battery staple")]
    [InlineData("hunter2")]
    public void SecretInPlaceOfSettings_IsInNoMessage(string secret) =>
        Assert.All(
            ["", "\n", "\r\n", " # a comment\n", "=", " =\n"],
            end =>
                Assert.DoesNotContain(
                    secret[..7],
                    Assert.Single(Loading.ProblemsOf(secret + end)),
                    StringComparison.Ordinal
                )
        );

    [Theory]
    [InlineData("akc_q7Xo0Pz7Qe2b-kq_Uu5y1dVtW8cRsN4fLhGaTiYxEM")]
    [InlineData("whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYg==")]
    [InlineData(SettingsTable.EncryptionKey)]
    [InlineData(SettingsTable.Sha)]
    public void SecretInPlaceOfAKey_IsInNoMessage(string secret)
    {
        Assert.All(
            [
                $"\"{secret}\" = 1",
                $"\"{secret}\" {{ }}",
                $"queue.\"{secret}\" = 1",
                $"queue {{ \"{secret}\" : null }}",
                $"\"{secret}\" = 1\n\"{secret}\" = 2",
                $"server.apiKeys = [{{ \"{secret}\" = 1 }}]",
            ],
            text =>
            {
                var problems = string.Join('\n', Loading.ProblemsOf(text));

                Assert.Contains(ShownValue.Hidden, problems, StringComparison.Ordinal);
                Assert.DoesNotContain(secret[..7], problems, StringComparison.Ordinal);
            }
        );
        Assert.Equal(
            [$"hocon/application.conf:2: akka.{ShownValue.Hidden} is not a setting of Akka."],
            Loading.Application($"akka.\"{secret}\" = 1").Warnings
        );
    }

    [Fact]
    public void InvalidUtf8_IsRefusedWithItsLine() =>
        Assert.Equal(
            ["hocon/application.conf:2: the file is not UTF-8."],
            Loading.ProblemsOf([.. "# a\n# "u8, 0xC3, 0x28, .. "\nqueue.maxSize = 5"u8])
        );

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Utf16_IsRefused(bool bigEndian)
    {
        var encoding = new UnicodeEncoding(bigEndian, byteOrderMark: true);

        var problems = Loading.ProblemsOf([.. encoding.GetPreamble(), .. encoding.GetBytes("queue.maxSize = 5")]);

        Assert.Equal(
            ["hocon/application.conf:1: the file starts with a byte order mark; save it as UTF-8 without one."],
            problems
        );
    }

    [Fact]
    public void HugeFile_IsRefused() =>
        Assert.Equal(
            ["hocon/application.conf: the file is larger than 1 MiB; expected settings."],
            Loading.ProblemsOf(new byte[(1024 * 1024) + 1])
        );

    [Theory]
    [InlineData("a = [")]
    [InlineData("a {")]
    [InlineData("a = [{ b = ")]
    [InlineData("a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.")]
    public void DeepNesting_IsRefused_BeforeTheStackEnds(string step)
    {
        var text = string.Concat(
            Enumerable.Repeat(step.StartsWith("a = [", StringComparison.Ordinal) ? step[4..] : step, 30_000)
        );

        Assert.Contains(
            ":1: nested more than 32 levels deep.",
            Assert.Single(
                Loading.ProblemsOf(step.StartsWith("a = [", StringComparison.Ordinal) ? $"a = {text}" : text)
            ),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public void RepeatedKeys_AreRefused_WithBothLines()
    {
        var problems = Loading.ProblemsOf(
            "queue.maxSize = 5\nqueue {\n  maxSize = 6\n}\nqueue = 1\nlogging.level = info\nlogging.level { a = 1 }"
        );

        Assert.Equal(
            [
                "hocon/application.conf:3: queue.maxSize is set a second time; hocon/application.conf:1 sets "
                    + "it already. Keep one of them.",
                "hocon/application.conf:5: queue is set a second time; hocon/application.conf:1 sets it "
                    + "already. Keep one of them.",
                "hocon/application.conf:7: logging.level is set a second time; hocon/application.conf:6 sets "
                    + "it already. Keep one of them.",
            ],
            problems.Take(3)
        );
    }

    [Fact]
    public void EveryAllowedForm_IsRead()
    {
        const string Text = """"
            # comment
            // comment
            queue { maxSize = 5, consumerThreads : 2 }   # continued below
            queue {
              "destinationShare" = "1.5" // quoted

            }
            callback.security.allowedPorts = [ 80
              443, # both
              8080,
            ],
            callback : { timeoutMillis=7, maxRetries=1 }
            authorization.acl.file = """a "b"\c"""
            journal.path = "x\"\\\/\b\f\n\r\t\u00e9y#z${no}"
            journal.encryptionKeyFile = /etc/keys_1-2.txt
            monitoring { metrics { enabled = false }, healthCheck.enabled = true
            }
            """";

        var settings = Loading.Application(Text);

        Assert.Equal(
            (5, 2, 1.5),
            (settings.Queue.MaxSize, settings.Queue.ConsumerThreads, settings.Queue.DestinationShare)
        );
        Assert.Equal([80, 443, 8080], settings.Callback.Security.AllowedPorts);
        Assert.Equal((TimeSpan.FromMilliseconds(7), 1), (settings.Callback.Timeout, settings.Callback.MaxRetries));
        Assert.Equal("a \"b\"\\c", settings.Authorization.Acl.File);
        Assert.Equal("x\"\\/\b\f\n\r\téy#z${no}", settings.Journal.Path);
        Assert.Equal("/etc/keys_1-2.txt", settings.Journal.EncryptionKeyFile);
        Assert.False(settings.Monitoring.MetricsEnabled);
    }

    [Fact]
    public void WindowsLineEnds_AreRead_WithTheirLines()
    {
        Assert.Equal(5, Loading.Application("queue {\r\n  maxSize = 5\r\n}\r\n").Queue.MaxSize);
        Assert.Equal(
            ["hocon/application.conf:3: '}' closes nothing."],
            Loading.ProblemsOf("queue.maxSize = 5\r\n\r\n}")
        );
    }

    [Fact]
    public void TripleQuotedText_KeepsLinesCounted() =>
        Assert.Equal(
            ["hocon/application.conf:3: '}' closes nothing."],
            Loading.ProblemsOf("journal.path = \"\"\"a\nb\"\"\"\n}")
        );

    [Fact]
    public void EmptyFile_ChangesNothing() =>
        Assert.Equal(ChargingSettings.Default.Queue, Loading.Variable("UNRELATED", "1").Queue);
}
