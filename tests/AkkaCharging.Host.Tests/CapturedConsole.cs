using System.Runtime.CompilerServices;
using System.Text;

namespace AkkaCharging.Host.Tests;

/// <summary>The standard output of all services of this test run: their whole log.</summary>
internal sealed class CapturedConsole : TextWriter
{
    private static readonly CapturedConsole Instance = new();
    private readonly StringBuilder _written = new();
    private readonly Lock _gate = new();

    public override Encoding Encoding => Encoding.UTF8;

    public static string Text
    {
        get
        {
            lock (Instance._gate)
                return Instance._written.ToString();
        }
    }

    public override void Write(char value)
    {
        lock (_gate)
            _written.Append(value);
    }

    public override void Write(string? value)
    {
        lock (_gate)
            _written.Append(value);
    }

    public override void Write(char[] buffer, int index, int count)
    {
        lock (_gate)
            _written.Append(buffer, index, count);
    }

#pragma warning disable CA2255 // Before any service makes its logger, so that no line is missed.
    [ModuleInitializer]
    internal static void Install() => Console.SetOut(Instance);
#pragma warning restore CA2255
}
