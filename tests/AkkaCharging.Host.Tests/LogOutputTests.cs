using System.Globalization;
using AkkaCharging.Host.Logging;
using AkkaCharging.Testing;
using Serilog;
using Serilog.Formatting.Display;

namespace AkkaCharging.Host.Tests;

public sealed class LogOutputTests
{
    private static readonly MessageTemplateTextFormatter Lines = new("{Message:lj}\n", CultureInfo.InvariantCulture);

    [Fact]
    public void LinesOfManyThreads_AreWrittenWhole_EachThreadsInOrder_AndAllAtTheEnd()
    {
        const int Threads = 8;
        const int Each = 1_000;
        using var output = new StringWriter(CultureInfo.InvariantCulture);
        using (var logger = Logger(new LogOutput(Lines, output, TextWriter.Null, Eventually.Patience)))
            Parallel.For(
                0,
                Threads,
                thread =>
                {
                    for (var number = 0; number < Each; number++)
                        logger.Information("{Thread} {Number} {Rest}", thread, number, new string('x', number % 100));
                }
            );

        var written = output
            .ToString()
            .Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => line.Split(' '));
        Assert.All(
            written.GroupBy(line => line[0], StringComparer.Ordinal),
            ofThread =>
                Assert.Equal(
                    Enumerable.Range(0, Each).Select(number => $"{number} {new string('x', number % 100)}"),
                    ofThread.Select(line => $"{line[1]} {line[2]}")
                )
        );
        Assert.Equal(Threads * Each, written.Count());
    }

    [Fact]
    public void ReaderThatHangs_HoldsUpNoCaller_AndLinesBeyondTheBoundAreCounted()
    {
        using var output = new HangingWriter();
        using var error = new StringWriter(CultureInfo.InvariantCulture);
        var line = new string('x', 9_999);
        using (var logger = Logger(new LogOutput(Lines, output, error, Eventually.Patience)))
        {
            logger.Information("first");
            output.Begun.Wait(TimeSpan.FromSeconds(30));
            for (var i = 0; i < (LogOutput.CharactersMax / 10_000) + 5; i++)
                logger.Information("{Line}", line);
            output.Released.Set();
        }

        Assert.Equal(
            $"5 log lines were dropped since the start: standard output is not read fast enough.{Environment.NewLine}",
            error.ToString()
        );
        Assert.Equal("first\n".Length + LogOutput.CharactersMax, output.Written);
    }

    [Fact]
    public void LinesThatCannotBeWritten_AreCounted_AndThoseAfterThemAreWritten()
    {
        using var output = new FailingWriter();
        using var error = new StringWriter(CultureInfo.InvariantCulture);
        using (var logger = Logger(new LogOutput(Lines, output, error, Eventually.Patience)))
        {
            logger.Information("first");
            Assert.True(output.Failed.Wait(TimeSpan.FromSeconds(30)));
            logger.Information("second");
        }

        Assert.Equal("second\n", output.ToString());
        Assert.Equal(
            "1 log lines were dropped since the start: standard output cannot be written (no space left)."
                + Environment.NewLine,
            error.ToString()
        );
    }

    [Fact]
    public void ReaderThatHangsToTheEnd_IsNotWaitedFor()
    {
        using var output = new HangingWriter();
        using var error = new TellingWriter();
        using (var logger = Logger(new LogOutput(Lines, output, error, closingMax: TimeSpan.FromMilliseconds(20))))
        {
            logger.Information("never read");
            output.Begun.Wait(TimeSpan.FromSeconds(30));
        }

        Assert.Equal(0, output.Written);
        Assert.True(error.Told.Wait(Eventually.Patience)); // the close does not wait for its report either
        Assert.Equal(
            "The last lines of the log were not written within 0.02 s: nothing is reading standard output."
                + Environment.NewLine,
            error.ToString()
        );
        output.Release();
    }

    [Fact]
    public void ReaderOfBothOutputsThatHangsToTheEnd_IsNotWaitedFor()
    {
        using var output = new HangingWriter();
        using var error = new HangingWriter();
        using (var logger = Logger(new LogOutput(Lines, output, error, closingMax: TimeSpan.FromMilliseconds(20))))
        {
            logger.Information("never read");
            output.Begun.Wait(TimeSpan.FromSeconds(30));
        }

        Assert.Equal((0, 0), (output.Written, error.Written));
        output.Release();
        error.Release();
    }

    private static Serilog.Core.Logger Logger(LogOutput output) =>
        new LoggerConfiguration().WriteTo.Sink(output).CreateLogger();

    /// <summary>Fails once, like a full disk that somebody tidies up.</summary>
    private sealed class FailingWriter() : StringWriter(CultureInfo.InvariantCulture)
    {
        public ManualResetEventSlim Failed { get; } = new();

        public override void Write(ReadOnlySpan<char> buffer)
        {
            if (Failed.IsSet)
            {
                base.Write(buffer);
                return;
            }

            Failed.Set();
            throw new IOException("no space left");
        }

        protected override void Dispose(bool disposing)
        {
            Failed.Dispose();
            base.Dispose(disposing);
        }
    }

    /// <summary>Tells when a line was written.</summary>
    private sealed class TellingWriter() : StringWriter(CultureInfo.InvariantCulture)
    {
        public ManualResetEventSlim Told { get; } = new();

        public override void WriteLine(string? value)
        {
            base.WriteLine(value);
            Told.Set();
        }

        protected override void Dispose(bool disposing)
        {
            Told.Dispose();
            base.Dispose(disposing);
        }
    }

    private sealed class HangingWriter : StringWriter
    {
        public HangingWriter()
            : base(CultureInfo.InvariantCulture) { }

        public ManualResetEventSlim Begun { get; } = new();

        public ManualResetEventSlim Released { get; } = new();

        public int Written { get; private set; }

        public override void Write(ReadOnlySpan<char> buffer)
        {
            Begun.Set();
            Released.Wait(TimeSpan.FromSeconds(30));
            Written += buffer.Length;
        }

        public override void WriteLine(string? value) => Write(value.AsSpan());

        /// <summary>Lets a write go on, and waits for its end.</summary>
        public void Release()
        {
            Released.Set();
            Assert.True(SpinWait.SpinUntil(() => Written > 0, TimeSpan.FromSeconds(30)));
        }

        protected override void Dispose(bool disposing)
        {
            Begun.Dispose();
            Released.Dispose();
            base.Dispose(disposing);
        }
    }
}
